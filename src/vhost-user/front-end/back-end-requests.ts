import { asError } from '../../errors.ts';
import { closeAll, type Fd, receiveMessage, sendMessage, WOULD_BLOCK } from '../../sys/index.ts';
import { BackEndRequest, HeaderFlag } from '../constants.ts';
import { FramingError } from '../errors.ts';
import { MAX_MESSAGE_FDS, MAX_PAYLOAD, REQUESTS_AT_ONCE } from '../limits.ts';
import { HEADER_SIZE, header, u64Payload } from '../payloads.ts';

const OK = 0n;
const REFUSED = 1n;

/**
 * The channel on which a back end makes requests of its own (SET_BACKEND_REQ_FD). CONFIG_CHANGE_MSG is served; all else
 * was not negotiated and is refused. Whatever breaks the framing closes the channel for good, as QEMU does it; nothing
 * that comes over it ever waits or throws.
 */
export class BackEndRequests implements Disposable {
  readonly #socket: Fd;
  readonly #message = new Uint8Array(HEADER_SIZE + MAX_PAYLOAD);
  readonly #fds: Fd[] = [];
  #got = 0;
  /** How often the back end said that its configuration space has changed. */
  configChanges = 0;
  /** How many requests were refused. */
  refusals = 0;
  /** Why the channel was closed; undefined while it is open. */
  closedBy: Error | undefined;

  /** Takes over `socket`. */
  constructor(socket: Fd) {
    this.#socket = socket;
    socket.setNonBlocking(true);
  }

  /** The socket's number, -1 once the channel is closed. */
  get number(): number {
    return this.#socket.closed ? -1 : this.#socket.number;
  }

  /** Serve what has come, without waiting for more; at most 64 requests at a time. */
  serve(): void {
    try {
      for (let turn = 0; turn < REQUESTS_AT_ONCE && !this.#socket.closed; turn++) if (!this.#next()) return;
    } catch (error) {
      this.#close(asError(error));
    }
  }

  [Symbol.dispose](): void {
    closeAll(this.#fds);
    this.#socket[Symbol.dispose]();
  }

  /** Serve one whole request. Returns false where none has come yet. */
  #next(): boolean {
    if (!this.#fill(HEADER_SIZE)) return false;
    const head = header.decode(this.#message);
    if ((head.flags & HeaderFlag.VERSION_MASK) !== HeaderFlag.VERSION || (head.flags & ~KNOWN_FLAGS) !== 0)
      throw new FramingError(
        'ERR_FRAMING',
        `A request of the back end has flags 0x${head.flags.toString(16)}`,
      );
    if (head.size > MAX_PAYLOAD)
      throw new FramingError(
        'ERR_FRAMING',
        `A request of the back end has ${head.size} bytes, at most ${MAX_PAYLOAD}`,
      );
    if (!this.#fill(HEADER_SIZE + head.size)) return false;
    if (this.#fds.length > MAX_MESSAGE_FDS)
      throw new FramingError(
        'ERR_FRAMING',
        `A request of the back end came with ${this.#fds.length} descriptors`,
      );
    // None of the requests that are served has a descriptor
    closeAll(this.#fds);
    this.#got = 0;
    const answer = this.#answer(head.request, head.size);
    if ((head.flags & HeaderFlag.NEED_REPLY) !== 0 || head.request === BackEndRequest.SHARED_OBJECT_LOOKUP)
      this.#reply(head.request, answer);
    return true;
  }

  #answer(request: number, size: number): bigint {
    if (request === BackEndRequest.CONFIG_CHANGE_MSG && size === 0) {
      this.configChanges++;
      return OK;
    }
    this.refusals++;
    return REFUSED;
  }

  #reply(request: number, value: bigint): void {
    const message = new Uint8Array(HEADER_SIZE + u64Payload.size);
    header.encodeInto(
      { request, flags: HeaderFlag.VERSION | HeaderFlag.REPLY, size: u64Payload.size },
      message,
    );
    u64Payload.encodeInto({ value }, message, HEADER_SIZE);
    if (sendMessage(this.#socket, message, [], { dontWait: true }) !== message.length)
      throw new FramingError('ERR_FRAMING', 'The back end does not read the answers to its requests');
  }

  /** Receive until `length` bytes of the message are there. Returns false where the rest has not come yet. */
  #fill(length: number): boolean {
    while (this.#got < length) {
      const rest = this.#message.subarray(this.#got, length);
      const count = receiveMessage(this.#socket, rest, this.#fds, { dontWait: true });
      if (count === WOULD_BLOCK) return false;
      if (count === 0) throw new FramingError('ERR_DISCONNECTED', 'The back end closed its request channel');
      this.#got += count;
    }
    return true;
  }

  #close(why: Error): void {
    this.closedBy = why;
    this[Symbol.dispose]();
  }
}

const KNOWN_FLAGS = HeaderFlag.VERSION_MASK | HeaderFlag.NEED_REPLY;
