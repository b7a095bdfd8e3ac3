import { DeadlineError, DecodeError, FerryError } from '../../errors.ts';
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
import { DeviceStateReply, Direction, FrontEndRequest, PHASE_STOPPED } from '../constants.ts';
import { deviceState, u64Payload } from '../payloads.ts';
import type { Channel } from './channel.ts';

const CHUNK = 1 << 20;

/** How a state transfer is made and what bounds it. */
export interface TransferOptions {
  /** What carries the state: QEMU and crosvm use a pipe, Cloud Hypervisor a socket pair. */
  readonly via?: 'pipe' | 'socketpair';
  /** Longest wait, in milliseconds, for the back end to move one more byte. */
  readonly stall?: number;
  /** Largest state taken from a back end, in bytes. */
  readonly limit?: number;
}

/**
 * Save a suspended device's state: `sink` is given each piece, in a buffer that is used again. Returns the number of
 * bytes once CHECK_DEVICE_STATE has confirmed them (vhost-user, "Migrating back-end state").
 */
export function saveDeviceState(
  channel: Channel,
  sink: (piece: Uint8Array) => void,
  { via = 'pipe', stall = 10_000, limit = 2 ** 36 }: TransferOptions = {},
): number {
  using stream = openStream(channel, Direction.SAVE, via);
  using poll = new PollSet(1);
  poll.set(0, stream.number, Poll.in);
  using buffer = mapAnonymous(CHUNK, 'state being saved');
  let total = 0;
  for (;;) {
    const count = patiently(poll, stall, () => readInto(stream, buffer.bytes));
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
  { via = 'pipe', stall = 10_000 }: TransferOptions = {},
): number {
  using stream = openStream(channel, Direction.LOAD, via);
  using poll = new PollSet(1);
  poll.set(0, stream.number, Poll.out);
  let total = 0;
  for (const piece of source) {
    let done = 0;
    while (done < piece.length) done += patiently(poll, stall, () => writeFrom(stream, piece.subarray(done)));
    total += piece.length;
  }
  stream[Symbol.dispose]();
  check(channel);
  return total;
}

/** Announce the transfer and return our end of the stream, which is the back end's own if it insists on one. */
function openStream(channel: Channel, direction: number, via: 'pipe' | 'socketpair'): Fd {
  const [ours, theirs] = ends(direction, via);
  using _theirs = theirs;
  try {
    const payload = deviceState.encode({ direction, phase: PHASE_STOPPED });
    const reply = channel.ask(FrontEndRequest.SET_DEVICE_STATE_FD, payload, [theirs]);
    const own = ownChannel(reply.payload, reply.fds);
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
function ownChannel(payload: Uint8Array, fds: Fd[]): Fd | undefined {
  try {
    if (payload.length !== 8)
      throw new DecodeError(
        'ERR_BAD_REPLY',
        'SET_DEVICE_STATE_FD reply',
        `${payload.length} bytes, expected 8`,
      );
    const { value } = u64Payload.decode(payload);
    if ((value & DeviceStateReply.FAILURE_MASK) !== 0n)
      throw new FerryError(
        'ERR_REFUSED',
        `The back end refused the state transfer with 0x${value.toString(16)}`,
      );
    const expected = (value & DeviceStateReply.NO_FD) === 0n ? 1 : 0;
    if (fds.length !== expected)
      throw new DecodeError(
        'ERR_BAD_REPLY',
        'SET_DEVICE_STATE_FD reply',
        `${fds.length} descriptors with 0x${value.toString(16)}, expected ${expected}`,
      );
    return fds[0];
  } catch (error) {
    closeAll(fds);
    throw error;
  }
}

function check(channel: Channel): void {
  const answer = channel.askU64(FrontEndRequest.CHECK_DEVICE_STATE);
  if (answer !== 0n)
    throw new FerryError(
      'ERR_STATE_REFUSED',
      `The back end says that its state did not transfer (${answer})`,
    );
}

/** Call `move` until it moved something, waiting at most `stall` milliseconds in between. */
function patiently(poll: PollSet, stall: number, move: () => number): number {
  for (;;) {
    const count = move();
    if (count !== WOULD_BLOCK) return count;
    if (poll.wait(stall) === 0) throw new DeadlineError('A byte of device state', stall);
  }
}
