/**
 * Drives a vhost-user-blk back end, whoever wrote it, in a VMM's place: memory, one queue, four requests.
 *
 *     node disk.ts /run/disk.sock
 */
import { FrontEnd, GuestRam, TRANSPORT_FEATURES } from 'ferry/vhost-user';
import { SplitDriverQueue } from 'ferry/virtio';

const SECTOR = 512;
const READ = 0;

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('Usage: disk.ts SOCKET-PATH');

using ram = new GuestRam(1 << 20);
using frontEnd = FrontEnd.connect(path, { features: TRANSPORT_FEATURES });
frontEnd.shareMemory(ram);

const shape = { size: 16, perSlot: 3, eventIdx: true, indirect: true };
const queue = new SplitDriverQueue(ram, ram.allocate(SplitDriverQueue.layoutLength(16, 3)), shape);
const ring = frontEnd.addRing(queue);
frontEnd.start();

const config = new DataView(frontEnd.readConfig(0, 8).slice().buffer);
console.log(`${config.getBigUint64(0, true)} sectors`);

// A request: u32 type, u32 reserved, u64 sector; then the data; then the status, a byte
const [header, data, status] = [ram.allocate(16), ram.allocate(SECTOR), ram.allocate(1)];
const { buffer, byteOffset } = ram.view(header, 16);
const request = new DataView(buffer, byteOffset, 16);
queue.prepare(0, [
  { address: header, length: 16, writable: false },
  { address: data, length: SECTOR, writable: true },
  { address: status, length: 1, writable: true },
]);
for (let sector = 0; sector < 4; sector++) {
  request.setUint32(0, READ, true);
  request.setBigUint64(8, BigInt(sector), true);
  queue.submit(0);
  if (queue.publish()) frontEnd.kick(ring);
  while (queue.collect() < 0)
    if (queue.armCall() && !frontEnd.waitForCall(ring, 1000)) throw new Error('No answer for a second');
  const [end] = ram.view(status, 1);
  console.log(
    `sector ${sector}: status ${end}, begins with ${Buffer.from(ram.view(data, 8)).toString('hex')}`,
  );
}
