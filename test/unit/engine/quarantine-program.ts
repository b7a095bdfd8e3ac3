/**
 * Two devices load; one of them is in a system call that does not return, with a slot. Prints what is known in the end, and
 * leaves the only way that is left then.
 */
import { Lane, ReceiveSlots } from '../../../src/engine/slots/index.ts';
import { createPipe, viewMemory } from '../../../src/sys/index.ts';
import { packetOf, ReceivingHalf } from './device-state-rig.ts';
import type { StuckTask } from './stuck-lane.ts';

const devices = [0, 1].map((i) => ({ idstr: `device-${i}`, instance: 0 }));
const { read } = createPipe('silence');
const slots = new ReceiveSlots({ devices, slots: 4, credits: true });
const reader = new ReceivingHalf(slots);
for (const name of devices)
  reader.read(packetOf({ name, index: 0, bufferFlags: 1, data: Buffer.alloc(100, 7) }));
const module = new URL('./stuck-lane.ts', import.meta.url);
const lanes = await Promise.all(
  devices.map(({ idstr }) => Lane.start({ name: `lane of ${idstr}`, module, start: undefined })),
);
const ran = lanes.map((lane, d) => {
  const task: StuckTask = { source: slots.source(d), readFrom: d === 0 ? read.number : undefined };
  return lane.run(task, { deadline: d === 0 ? 100 : 10_000 }).then(
    () => true,
    () => false,
  );
});
await Promise.all(ran);
const loaded = devices.map((_, d) => slots.device(d).loaded);
slots.cancel();
const ended = await Promise.all(lanes.map((lane) => lane.end(0)));
if (ended.includes(false)) slots.quarantine();
const { address } = slots.start.arena;
slots[Symbol.dispose]();
const kept = viewMemory(address, 100);
const stuck = lanes.find((lane) => !lane.hasEnded)?.name;
process.stdout.write(JSON.stringify({ loaded, ended, stuck, kept: [kept[0], kept[99]] }), () =>
  process.kill(process.pid, 'SIGKILL'),
);
