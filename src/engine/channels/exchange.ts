import { readSync, writeSync } from 'node:fs';
import { type Fd, Poll, receiveNow, sendNow, WOULD_BLOCK } from '../../sys/index.ts';
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
  const { fd, isFile } = connection;
  const bytes = new Uint8Array(length);
  let count = 0;
  const receive = () => {
    const rest = bytes.subarray(peek ? 0 : count);
    const received = isFile
      ? readSync(fd.number, rest, 0, rest.length, peek ? 0 : null)
      : receiveNow(fd, rest, { peek });
    if (received === WOULD_BLOCK) return false;
    count = peek ? received : count + received;
    if (received === 0)
      throw new ChannelError('ERR_CHANNEL_CUT', `${what}: the stream ends after ${count} of ${length} bytes`);
    return count === length;
  };
  if (isFile) while (!receive());
  else await untilDone(fd, Poll.in, what, wait, receive);
  return bytes;
}

/** Send all of `bytes`. Rejects with `ERR_DEADLINE`. */
export async function sendBytes(
  { fd, isFile }: Connection,
  bytes: Uint8Array,
  what: string,
  wait: Wait,
): Promise<void> {
  let rest = bytes;
  if (isFile) while (rest.length > 0) rest = rest.subarray(writeSync(fd.number, rest));
  else
    await untilDone(fd, Poll.out, what, wait, () => {
      const sent = sendNow(fd, rest);
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
