/**
 * What `ferry compat` says of two devices is what becomes of a real guest: what gets a yes is moved by real QEMUs, what gets a
 * no does not start, and what was changed after the answer is refused when the state arrives, with the guest still at the
 * source.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { controlPath } from '../../src/control/index.ts';
import { capture, choosePeer } from '../../src/launch/index.ts';
import { controlSockets, migrate } from '../../src/migrate/index.ts';
import {
  bootGuest,
  currentMachine,
  type FerryProcess,
  launchFerry,
  moveGuest,
  OLDER,
  startDestination,
  testPeers,
} from '../guest/index.ts';
import { Folder, json } from '../unit/compat-cli/support.ts';
import { Belongings, Churn, complaints, Workplace } from './kept/index.ts';

const FERRY = fileURLToPath(new URL('../../bin/ferry', import.meta.url));
const FERRY_FS = fileURLToPath(new URL('../../bin/ferry-fs', import.meta.url));

/** Where `ferry compat` asks a device. */
const controlOf = ({ socket }: FerryProcess) => controlPath(socket);

/** The arguments for a device at `to` that takes the state of `from`. */
async function argumentsFor(from: FerryProcess, to: string, ...words: string[]): Promise<readonly string[]> {
  const { answer, argv } = await json('argv', '--from', controlOf(from), '--to', to, ...words);
  assert.equal(answer, 'yes');
  return argv ?? [];
}

/** An older `ferry serve fs`, run to its end. */
function older(...words: string[]) {
  return capture([FERRY, 'serve', 'fs', ...words], { deadline: 30_000, env: { ...process.env, ...OLDER } });
}

it('devices that are started from each other’s lists carry a guest on, to an older one and back', async (test) => {
  const peers = await testPeers();
  const version = (wanted: string) => choosePeer(peers, 'qemu-system-x86_64', { version: wanted });
  using folder = new Folder();
  await using source = await launchFerry({ memory: '64M' });
  await using guest = await bootGuest({ qemu: version('10.0'), fs: [source.fs], test });
  const { agent } = guest;
  await agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
  const place = new Workplace(agent, '/mnt/kept');
  const kept = await Belongings.make(place);
  const churn = await Churn.begin(agent, '/mnt/churn');
  // What was checked is one device, and what waits when the state comes is another one
  const checked = await json(
    'check',
    '--from',
    controlOf(source),
    '--to',
    FERRY_FS,
    '--run-check',
    '--',
    '--memory',
    '64M',
  );
  assert.equal(checked.answer, 'yes');
  {
    await using changed = await launchFerry({ memory: '48M' });
    const machine = currentMachine(guest);
    const destination = await startDestination(guest, { qemu: version('10.0'), fs: [changed.fs] });
    const monitors = { source: machine.qmp, destination: destination.qmp };
    const refused = await migrate({ ...monitors, dryRun: true });
    assert.equal(refused.outcome, 'refused');
    assert.match(refused.why, /memory/);
    // As by a program that does not ask the devices
    const backEnds = { ...controlSockets, status: () => Promise.resolve(undefined) };
    const back = await migrate({ ...monitors, backEnds });
    assert.equal(back.outcome, 'rolled-back', back.why);
    const { lastTransfer } = await changed.status();
    assert.equal(lastTransfer?.outcome, 'failed');
    assert.match(lastTransfer.reason ?? '', /memory/);
    await destination[Symbol.asyncDispose]();
    guest.machines.pop();
  }
  await churn.goesOn();
  await kept.look(test);

  // A yes, and a device that has the same list
  const argv = await argumentsFor(source, FERRY_FS);
  await using newer = await launchFerry({ parameters: argv });
  const { list } = await json('list', controlOf(source));
  await moveGuest(guest, version('11.1'), newer);
  await churn.goesOn();
  assert.deepEqual((await json('list', controlOf(newer))).list, list);

  // A no, and a device that does not start so
  const { stdout } = await older('--print-migration-info-json');
  const before = folder.write('older.json', stdout);
  const no = await json('check', '--from', controlOf(newer), '--to', before);
  assert.equal(no.answer, 'no');
  const [destination] = no.destinations;
  assert.deepEqual(
    destination?.reasons.map(({ code, parameter }) => [code, parameter]),
    [['unknown-parameter', 'state-format']],
  );
  const started = await older(...argv, '--socket-path', `${folder.path}/older.sock`);
  assert.equal(started.code, 1);
  assert.match(started.stderr, /state-format/);

  // The way out that it names, on the device that runs
  for (const { parameter, value } of destination?.wayOut ?? [])
    await json('set', `${parameter}=${value}`, '--control', controlOf(newer));
  await using old = await launchFerry({ older: true, parameters: await argumentsFor(newer, before) });
  await moveGuest(guest, version('10.0'), old);
  await churn.goesOn();

  // And back to one that knows both formats
  await using last = await launchFerry({ parameters: await argumentsFor(old, FERRY_FS) });
  await moveGuest(guest, version('10.0'), last);
  await churn.goesOn();
  await kept.look(test);
  assert.equal((await json('list', controlOf(last))).list.parameters['state-format'], undefined);
  await churn.end();
  assert.deepEqual(await complaints(place), []);
  assert.equal(agent.hellos.length, 1);
});
