import { closeAll, type Fd, receiveMessage, WOULD_BLOCK } from '../../sys/index.ts';
import { BackEndRequest, HeaderFlag } from '../constants.ts';
import { Outbox } from './outbox.ts';

/**
 * The back end's own requests to the front end (SET_BACKEND_REQ_FD). None of them asks for an acknowledgement, so
 * nothing is ever waited for.
 */
export class RequestChannel implements Disposable {
  readonly #socket: Fd;
  readonly #outbox: Outbox;

  /** Takes over `socket`. */
  constructor(socket: Fd) {
    this.#socket = socket;
    socket.setNonBlocking(true);
    this.#outbox = new Outbox(socket);
  }

  /**
   * The configuration space has changed: the driver should read it again. Returns false where the front end has not read
   * the last such message yet.
   */
  configChanged(): boolean {
    this.#discardReplies();
    if (this.#outbox.pending) this.#outbox.flush();
    if (this.#outbox.pending) return false;
    this.#outbox.send(BackEndRequest.CONFIG_CHANGE_MSG, HeaderFlag.VERSION, new Uint8Array(0));
    return true;
  }

  [Symbol.dispose](): void {
    this.#outbox[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }

  #discardReplies(): void {
    const fds: Fd[] = [];
    const into = new Uint8Array(4096);
    let count: number;
    do {
      count = receiveMessage(this.#socket, into, fds, { dontWait: true });
      closeAll(fds);
    } while (count > 0 && count !== WOULD_BLOCK);
  }
}
