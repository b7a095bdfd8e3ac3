/**
 * State as one stream over one socket, as it goes without an engine: `one-stream.ts send|receive BYTES`, the socket is
 * descriptor 3. The sender says on stdout how many milliseconds passed until the receiver had all of it verified.
 */
import { Fd, readInto, shutdownSocket, writeFrom } from '../../src/sys/index.ts';
import { State } from './device.ts';

const [role, length] = process.argv.slice(2);
using socket = new Fd(3, 'socket of the benchmark');
using state = new State(Number(length));
const byte = new Uint8Array(1);

if (role === 'send') {
  // The receiver's memory is there
  readInto(socket, byte);
  const start = performance.now();
  state.save({ write: writeAll });
  shutdownSocket(socket, 'write');
  readInto(socket, byte);
  process.stdout.write(`${performance.now() - start}\n`);
} else {
  writeAll(byte);
  state.load({ read: (into) => readInto(socket, into) });
  writeAll(byte);
}

function writeAll(bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0; ) rest = rest.subarray(writeFrom(socket, rest));
}
