import { type Fd, Poll, WOULD_BLOCK } from '../../sys/index.ts';
import type { Connection } from './connection.ts';
import { ChannelError } from './errors.ts';
import type { Wait } from './patience.ts';
import { watch } from './readiness.ts';

/**
 * Wait for `length` bytes and take them, or (`peek`) look at them: they stay the next to be received. `what` is waited for, in
 * messages. Rejects with `ERR_DEADLINE`, and with `ERR_CHANNEL_CUT` where the stream ends before.
 */
export async function receiveBytes(
  connection: Connection,
  length: number,
  what: string,
  wait: Wait,
  { peek = false }: { peek?: boolean } = {},
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let count = 0;
  // A session may have to send something before it can receive
  await untilDone(connection.fd, Poll.in | Poll.out, what, wait, () => {
    const received = connection.receiveNow(bytes.subarray(peek ? 0 : count), { peek });
    if (received === WOULD_BLOCK) return false;
    count = peek ? received : count + received;
    if (received === 0)
      throw new ChannelError('ERR_CHANNEL_CUT', `${what}: the stream ends after ${count} of ${length} bytes`);
    return count === length;
  });
  return bytes;
}

/** Send all of `bytes`. Rejects with `ERR_DEADLINE`. */
export async function sendBytes(
  connection: Connection,
  bytes: Uint8Array,
  what: string,
  wait: Wait,
): Promise<void> {
  let rest = bytes;
  await untilDone(connection.fd, Poll.out, what, wait, () => {
    const sent = connection.sendNow(rest);
    if (sent !== WOULD_BLOCK) rest = rest.subarray(sent);
    return rest.length === 0;
  });
}

/** Call `attempt`, and again whenever one of `events` happened to `fd`, until it returns true. */
export async function untilDone(
  fd: Fd,
  events: number,
  what: string,
  wait: Wait,
  attempt: () => boolean,
): Promise<void> {
  wait.signal?.throwIfAborted();
  if (attempt()) return;
  using watching = watch(fd, events);
  while (!attempt()) await watching.next(what, wait);
}
