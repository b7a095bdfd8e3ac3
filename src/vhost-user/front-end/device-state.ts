import { fstatSync } from 'node:fs';
import { DeadlineError, FerryError } from '../../errors.ts';
import {
  closeAll,
  createPipe,
  createSocketPair,
  type Fd,
  mapAnonymous,
  Poll,
  PollSet,
  readInto,
  WOULD_BLOCK,
  writeFrom,
} from '../../sys/index.ts';
import { DeviceStateReply, Direction, FrontEndRequest, PHASE_STOPPED, requestName } from '../constants.ts';
import { MAX_STATE } from '../limits.ts';
import { deviceState, u64Payload } from '../payloads.ts';
import type { Channel, Reply } from './channel.ts';
import { badReply, refused } from './errors.ts';

const CHUNK = 1 << 20;
const O_RDONLY = 0;
const O_WRONLY = 1;

/** How a state transfer is made and what bounds it. */
export interface TransferOptions {
  /** What carries the state: QEMU and crosvm use a pipe, Cloud Hypervisor a socket pair. */
  readonly via?: 'pipe' | 'socketpair';
  /** Longest wait, in milliseconds, for the back end to move one more byte; 10 s unless given. */
  readonly stall?: number;
  /** Longest time, in milliseconds, that all bytes may take; as long as they keep moving unless given. */
  readonly deadline?: number;
  /** Largest state taken from a back end, in bytes; 64 GiB unless given. */
  readonly limit?: number;
}

/**
 * Save a suspended device's state: `sink` is given each piece, in a buffer that is used again. Returns the number of
 * bytes once CHECK_DEVICE_STATE has confirmed them (vhost-user, "Migrating back-end state"). A save that failed leaves
 * the back end suspended: its rings can be started again.
 */
export function saveDeviceState(
  channel: Channel,
  sink: (piece: Uint8Array) => void,
  options: TransferOptions = {},
): number {
  const { via = 'pipe', limit = MAX_STATE } = options;
  using stream = openStream(channel, Direction.SAVE, via);
  using patience = new Patience(stream, Poll.in, options);
  using buffer = mapAnonymous(CHUNK, 'state being saved');
  let total = 0;
  for (;;) {
    const count = patience.until(() => readInto(stream, buffer.bytes));
    if (count === 0) break;
    total += count;
    if (total > limit)
      throw new FerryError('ERR_STATE_TOO_LARGE', `The back end's state exceeds the limit of ${limit} bytes`);
    sink(buffer.bytes.subarray(0, count));
  }
  stream[Symbol.dispose]();
  check(channel);
  return total;
}

/** Load a state into a suspended device: `source` yields the pieces. Returns the number of bytes once confirmed. */
export function loadDeviceState(
  channel: Channel,
  source: Iterable<Uint8Array>,
  options: TransferOptions = {},
): number {
  using stream = openStream(channel, Direction.LOAD, options.via ?? 'pipe');
  using patience = new Patience(stream, Poll.out, options);
  let total = 0;
  for (const piece of source) {
    let done = 0;
    while (done < piece.length) done += patience.until(() => writeFrom(stream, piece.subarray(done)));
    total += piece.length;
  }
  stream[Symbol.dispose]();
  check(channel);
  return total;
}

/** Announce the transfer and return our end of the stream, which is the back end's own if it insists on one. */
function openStream(channel: Channel, direction: number, via: 'pipe' | 'socketpair'): Fd {
  const [ours, theirs] = ends(direction, via);
  // Ours of their end has to go before anything is read, or the end of the stream never comes
  using _theirs = theirs;
  try {
    const payload = deviceState.encode({ direction, phase: PHASE_STOPPED });
    const reply = channel.ask(FrontEndRequest.SET_DEVICE_STATE_FD, payload, [theirs]);
    const own = ownChannel(reply, direction);
    if (own !== undefined) ours[Symbol.dispose]();
    const stream = own ?? ours;
    stream.setNonBlocking(true);
    return stream;
  } catch (error) {
    ours[Symbol.dispose]();
    throw error;
  }
}

function ends(direction: number, via: 'pipe' | 'socketpair'): [ours: Fd, theirs: Fd] {
  if (via === 'socketpair') return createSocketPair('device state');
  const pipe = createPipe('device state');
  return direction === Direction.SAVE ? [pipe.read, pipe.write] : [pipe.write, pipe.read];
}

/** The descriptor that the back end answered with, undefined where it keeps ours. */
function ownChannel({ payload, fds }: Reply, direction: number): Fd | undefined {
  try {
    if (payload.length !== u64Payload.size)
      throw badTransfer(`${payload.length} bytes, expected ${u64Payload.size}`);
    const { value } = u64Payload.decode(payload);
    const hex = `0x${value.toString(16)}`;
    if ((value & DeviceStateReply.FAILURE_MASK) !== 0n) {
      if (fds.length > 0) throw badTransfer(`${fds.length} descriptors with the error ${hex}, expected none`);
      throw refused('the state transfer', value);
    }
    if ((value & ~DeviceStateReply.NO_FD) !== 0n) throw badTransfer(`${hex}, expected 0 or 0x100`);
    const expected = (value & DeviceStateReply.NO_FD) === 0n ? 1 : 0;
    if (fds.length !== expected)
      throw badTransfer(`${fds.length} descriptors with ${hex}, expected ${expected}`);
    if (fds[0] !== undefined) checkStream(fds[0], direction);
    return fds[0];
  } catch (error) {
    closeAll(fds);
    throw error;
  }
}

/** Only a pipe or a socket that goes the right way says when the state ends. */
function checkStream(fd: Fd, direction: number): void {
  const stat = fstatSync(fd.number);
  const wrong = direction === Direction.SAVE ? O_WRONLY : O_RDONLY;
  if (!stat.isFIFO() && !stat.isSocket()) throw badTransfer('The descriptor is neither a pipe nor a socket');
  if (fd.accessMode === wrong)
    throw badTransfer(`The descriptor is open for ${wrong === O_WRONLY ? 'writing' : 'reading'} only`);
}

function badTransfer(message: string) {
  return badReply(`reply to ${requestName(FrontEndRequest.SET_DEVICE_STATE_FD)}`, message);
}

function check(channel: Channel): void {
  const answer = channel.askU64(FrontEndRequest.CHECK_DEVICE_STATE);
  if (answer !== 0n)
    throw new FerryError(
      'ERR_STATE_REFUSED',
      `The back end says that its state did not transfer (${BigInt.asIntN(64, answer)})`,
    );
}

/** Waits for a stream to move bytes, each time and all the time within bounds. */
class Patience implements Disposable {
  readonly #poll = new PollSet(1);
  readonly #stall: number;
  readonly #deadline: number;
  readonly #end: number;

  constructor(stream: Fd, events: number, { stall = 10_000, deadline = Infinity }: TransferOptions) {
    this.#stall = stall;
    this.#deadline = deadline;
    this.#end = performance.now() + deadline;
    this.#poll.set(0, stream.number, events);
  }

  /** Call `move` until it moved something. */
  until(move: () => number): number {
    for (;;) {
      const left = this.#end - performance.now();
      if (left <= 0) throw new DeadlineError('The transfer of device state', this.#deadline);
      const count = move();
      if (count !== WOULD_BLOCK) return count;
      if (this.#poll.wait(Math.ceil(Math.min(this.#stall, left))) === 0 && left > this.#stall)
        throw new DeadlineError('A byte of device state', this.#stall);
    }
  }

  [Symbol.dispose](): void {
    this.#poll[Symbol.dispose]();
  }
}
