/**
 * Stands between a vhost-user front end and a back end, and writes down every message of the control channel:
 *
 *     node --conditions=ferry-source tools/capture/relay.ts LISTEN CONNECT FILE
 *
 * LISTEN and CONNECT are socket paths. FILE gets a line of JSON for each message, in the order in which they passed:
 * `from`, `name`, `id`, `flags`, `payload` in hex, and what each descriptor was. It serves one front end, and ends with it.
 */
import { appendFileSync, readlinkSync, writeFileSync } from 'node:fs';
import {
  acceptUnix,
  closeAll,
  connectUnix,
  type Fd,
  listenUnix,
  Poll,
  PollSet,
  receiveMessage,
  sendMessage,
} from '../../src/sys/index.ts';
import { requestName } from '../../src/vhost-user/index.ts';

const HEADER = 12;

const [listen, connect, file] = process.argv.slice(2);
if (listen === undefined || connect === undefined || file === undefined) {
  console.error('usage: relay.ts LISTEN CONNECT FILE');
  process.exit(2);
}
writeFileSync(file, '');
using listener = listenUnix(listen, 1);
using front = acceptUnix(listener, 'front end')!;
using back = connectUnix(connect);
using poll = new PollSet(2);
poll.set(0, front.number, Poll.in);
poll.set(1, back.number, Poll.in);
for (let open = true; open; ) {
  poll.wait(-1);
  if (poll.ready(0) !== 0) open = pass(front, back, 'front-end');
  if (open && poll.ready(1) !== 0) open = pass(back, front, 'back-end');
}

/** Pass one message on. Returns whether there was one. */
function pass(source: Fd, target: Fd, from: string): boolean {
  const fds: Fd[] = [];
  const head = exactly(source, HEADER, fds);
  if (head === undefined) return false;
  const view = new DataView(head.buffer);
  const id = view.getUint32(0, true);
  const payload = exactly(source, view.getUint32(8, true), fds);
  if (payload === undefined) return false;
  appendFileSync(
    file!,
    `${JSON.stringify({
      from,
      name: requestName(id),
      id,
      flags: view.getUint32(4, true),
      payload: Buffer.from(payload).toString('hex'),
      fds: fds.map(kindOf),
    })}\n`,
  );
  const message = Buffer.concat([head, payload]);
  sendMessage(
    target,
    message,
    fds.map((fd) => fd.number),
  );
  closeAll(fds);
  return true;
}

function exactly(source: Fd, length: number, fds: Fd[]): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(length);
  let got = 0;
  while (got < length) {
    const count = receiveMessage(source, bytes.subarray(got), fds);
    if (count === 0) return undefined;
    got += count;
  }
  return bytes;
}

/** `eventfd`, `memfd`, `pipe` or `socket`. */
function kindOf(fd: Fd): string {
  const target = readlinkSync(`/proc/self/fd/${fd.number}`);
  if (target === 'anon_inode:[eventfd]') return 'eventfd';
  return /memfd|pipe|socket/.exec(target)?.[0] ?? target;
}
