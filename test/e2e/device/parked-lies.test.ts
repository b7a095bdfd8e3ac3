/** A state whose parked requests of a packed ring are not what its driver had sent: the ring breaks, and nothing else. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectUnix } from '../../../src/sys/index.ts';
import { DeskGuest } from '../../support/device/desk-guest.ts';
import { saveState } from '../../support/device/guest.ts';
import { Served, testFolder } from '../../support/device/served.ts';
import { rewritten } from '../../support/state-frames.ts';

const folder = testFolder();
let here: Served;
let there: Served;
before(async () => {
  [here, there] = await Promise.all([
    Served.start(folder.path, { device: 'desk', options: {} }, 'here'),
    Served.start(folder.path, { device: 'desk', options: {} }, 'there'),
  ]);
});
after(async () => {
  await here[Symbol.asyncDispose]();
  await there[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Where the first parked request of a record begins: u16 id, u16 descriptors, then each u64, u32, u16 id, u16 flags. */
const FIRST = 12;

type Lie = (view: DataView) => void;

/** What the record says, and whether it is found out by the load, by the start of the ring, or when it is served. */
const lies: readonly (readonly [what: string, lie: Lie, found: 'load' | 'start' | 'served'])[] = [
  ['an address without memory', (view) => view.setBigUint64(FIRST + 4, 1n << 50n, true), 'served'],
  ['an address that wraps', (view) => view.setBigUint64(FIRST + 4, 2n ** 64n - 1n, true), 'served'],
  ['a length beyond memory', (view) => view.setUint32(FIRST + 12, 0xffff_ffff, true), 'served'],
  ['something to read after something to write', (view) => view.setUint16(FIRST + 18, 3, true), 'served'],
  ['an indirect table of 7 bytes', (view) => view.setUint16(FIRST + 18, 4, true), 'served'],
  ['more descriptors than are outstanding', (view) => view.setUint32(4, 0x8000_8001, true), 'served'],
  ['a position beyond the ring', (view) => view.setUint32(4, 0x8000_8099, true), 'start'],
  ['two laps between both sides', (view) => view.setUint32(4, 0x0001_8002, true), 'start'],
  ['another queue', (view) => view.setUint16(0, 1, true), 'load'],
  ['a request more', (view) => view.setUint32(8, 3, true), 'load'],
  ['a descriptor less', (view) => view.setUint16(FIRST + 2, 2, true), 'load'],
];

for (const [what, lie, found] of lies)
  test(`${what}: found out by the ${found === 'served' ? 'ring' : found}`, () => {
    using guest = new DeskGuest({ packed: true, indirect: false });
    guest.connect(here.path);
    for (const slot of [0, 1]) guest.send(slot, 'hold');
    guest.ask(2, 'answer');
    guest.stop();
    let base = 0;
    const state = rewritten(saveState(guest.frontEnd), (records) =>
      records.map(({ section, payload }) => {
        if (section.name !== 'ferry.queue') return { section, payload };
        assert.equal(section.version, 2);
        const changed = payload.slice();
        const view = new DataView(changed.buffer);
        lie(view);
        base = view.getUint32(4, true);
        return { section, payload: changed };
      }),
    );
    using frontEnd = guest.prepareBackEnd(there.path);
    frontEnd.addRing(guest.queues[0]!.queue, base);
    const load = () => frontEnd.loadState([state]);
    if (found === 'load') assert.throws(load, { code: 'ERR_STATE_REFUSED' });
    else {
      load();
      if (found === 'start') assert.throws(() => frontEnd.start(), { code: 'ERR_REFUSED' });
      else {
        frontEnd.start();
        assert.throws(() => frontEnd.waitForCall(0, 5_000), { code: 'ERR_RING_BROKEN' });
        assert.equal(guest.queues[0]!.queue.collect(), -1);
      }
    }
    frontEnd[Symbol.dispose]();
    using another = new DeskGuest({ packed: true });
    another.connect(there.path);
    another.ask(0, 'answer');
    another.frontEnd.reconnect(connectUnix(there.path));
    another.ask(1, 'answer');
  });
