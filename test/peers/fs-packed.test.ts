/** Packed virtqueues and two request queues under real QEMUs: a guest moves there and back with its files open. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { choosePeer } from '../../src/launch/index.ts';
import { VirtioFeature } from '../../src/vhost-user/index.ts';
import { bootGuest, launchFerry, moveGuest, PACKED_FS, testPeers } from '../guest/index.ts';
import { Belongings, Churn, complaints, Workplace } from './kept/index.ts';

it('a guest with packed virtqueues goes from QEMU 10.0 to 11.1 and back, and sees no error', async (test) => {
  const peers = await testPeers();
  const version = (wanted: string) => choosePeer(peers, 'qemu-system-x86_64', { version: wanted });
  await using here = await launchFerry({ further: ['--queues', '2'] });
  await using there = await launchFerry({ further: ['--queues', '2'] });
  await using guest = await bootGuest({
    qemu: version('10.0'),
    fs: [here.fs],
    cpus: 2,
    further: PACKED_FS,
    test,
  });
  const { agent } = guest;
  await agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
  const place = new Workplace(agent, '/mnt/kept');
  const kept = await Belongings.make(place);
  const churn = await Churn.begin(agent, '/mnt/churn');
  for (const [next, ferry] of [
    ['11.1', there],
    ['10.0', here],
  ] as const) {
    const verdict = await moveGuest(guest, version(next), ferry);
    test.diagnostic(`to QEMU ${next}: pause ${verdict.downtimeMs?.toFixed(0)} ms`);
    await churn.goesOn();
    await kept.look(test);
    const { negotiated, ringsRunning } = await ferry.status();
    assert.equal(BigInt(negotiated?.features ?? 0) & VirtioFeature.RING_PACKED, VirtioFeature.RING_PACKED);
    assert.equal(ringsRunning, 3);
  }
  await churn.end();
  assert.deepEqual(await complaints(place), []);
  assert.equal(agent.hellos.length, 1);
});
