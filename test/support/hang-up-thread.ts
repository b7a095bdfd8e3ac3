/**
 * The far end of a front end's socket, on a thread of its own because the front end blocks: reads requests up to a
 * certain one, closes what came with them, and hangs up. The answers lie in the socket already.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { closeAll, Fd, receiveMessage } from '../../src/sys/index.ts';
import { Slot } from './hang-up.ts';

const words = new Int32Array(workerData as SharedArrayBuffer);

function exactly(socket: Fd, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  const fds: Fd[] = [];
  let got = 0;
  while (got < length) {
    const count = receiveMessage(socket, bytes.subarray(got), fds);
    closeAll(fds);
    if (count <= 0) return undefined;
    got += count;
  }
  return bytes;
}

/** Read until `request` has come `times` times. */
function readUntil(socket: Fd, request: number, times: number): void {
  for (let left = times; left > 0; ) {
    const head = exactly(socket, 12);
    if (head === undefined) return;
    const [id, , size] = new Uint32Array(head.buffer);
    if (size! > 0 && exactly(socket, size!) === undefined) return;
    if (id === request) left--;
  }
}

parentPort?.postMessage('ready');
for (;;) {
  Atomics.wait(words, Slot.turn, 0);
  if (Atomics.load(words, Slot.turn) < 0) break;
  using socket = new Fd(Atomics.load(words, Slot.fd), 'far end');
  socket.setNonBlocking(false);
  readUntil(socket, Atomics.load(words, Slot.request), Atomics.load(words, Slot.times));
  socket[Symbol.dispose]();
  Atomics.store(words, Slot.turn, 0);
  Atomics.notify(words, Slot.turn);
}
