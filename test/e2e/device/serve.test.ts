/** A served device as a process: where front ends come from, how it ends, and what a slip of its author does. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ControlClient } from '../../../src/control/index.ts';
import { FerryError } from '../../../src/errors.ts';
import { connectUnix, createMemfd, createSocketPair, listenUnix } from '../../../src/sys/index.ts';
import { FrontEnd, ProtocolFeature } from '../../../src/vhost-user/index.ts';
import { SmallGuest, saveState } from '../../support/device/guest.ts';
import { RawFrontEnd } from '../../support/device/raw-front-end.ts';
import { Served, testFolder } from '../../support/device/served.ts';

const ADD = 1;
const READ = 2;
const WAIT = 3;

/** Front ends that cannot say that a new driver is there. */
const WITHOUT_RESET = { protocolFeatures: ProtocolFeature.MQ | ProtocolFeature.REPLY_ACK };

test('an inherited socket that listens', async () => {
  using folder = testFolder();
  const path = join(folder.path, 'inherited.sock');
  using listener = listenUnix(path);
  await using served = await Served.start(folder.path, {
    device: 'tally',
    settings: { fd: 3 },
    fds: [listener.number],
  });
  using guest = new SmallGuest();
  guest.attach(path).start();
  assert.equal(guest.ask(ADD, 2), 2n);
  guest.attach(path, WITHOUT_RESET);
  assert.equal(served.process.exit, undefined);
});

test('an inherited socket that is connected: the device ends with its front end', async () => {
  using folder = testFolder();
  const [ours, theirs] = createSocketPair('front end');
  await using served = await Served.start(folder.path, {
    device: 'tally',
    settings: { fd: 3 },
    fds: [theirs.number],
  });
  theirs[Symbol.dispose]();
  using frontEnd = new FrontEnd(ours);
  frontEnd.negotiate();
  frontEnd.ping();
  frontEnd[Symbol.dispose]();
  assert.deepEqual(await served.ended(), { code: 0, signal: null });
});

test('an inherited descriptor that is no socket is refused', async () => {
  using folder = testFolder();
  using file = createMemfd('no socket', 1);
  const options = { device: 'tally', settings: { fd: 3 }, fds: [file.number] } as const;
  assert.match(
    await Served.refusal(folder.path, options),
    /^exit code 1: Descriptor 3 is no unix stream socket$/m,
  );
});

test('a path that is taken is refused, one that a dead process left is not', async () => {
  using folder = testFolder();
  const path = join(folder.path, 'tally.sock');
  writeFileSync(path, 'precious');
  assert.match(
    await Served.refusal(folder.path, { device: 'tally' }),
    /^exit code 1: .*exists and is no socket/,
  );
  assert.equal(readFileSync(path, 'utf8'), 'precious');
  const first = await Served.start(folder.path, { device: 'tally' }, 'again');
  const second = await Served.refusal(folder.path, { device: 'tally' }, 'again');
  assert.match(second, /^exit code 1: Another process listens/);
  first.process.kill('SIGKILL');
  await first.ended();
  assert.ok(existsSync(first.path));
  await using third = await Served.start(folder.path, { device: 'tally' }, 'again');
  using _connection = connectUnix(third.path);
});

test('SIGTERM in the middle of a transfer ends it in good order', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'ballast', options: 16 * 1024 * 1024 });
  using raw = new RawFrontEnd(served.path);
  using _channel = raw.beginPipe('save');
  assert.ok(raw.ping());
  served.process.kill('SIGTERM');
  assert.deepEqual(await served.ended(), { code: 0, signal: null });
  assert.ok(!existsSync(served.path) && !existsSync(served.controlPath));
});

for (const mistake of ['handle', 'later', 'both', 'suspend', 'resume', 'reset'])
  test(`a device that slips (${mistake}) is named, and its process ends with 1`, async () => {
    using folder = testFolder();
    await using served = await Served.start(folder.path, { device: 'clumsy', options: mistake });
    using guest = new SmallGuest();
    try {
      guest.attach(served.path).start();
      guest.send(0, 1);
      if (mistake === 'suspend') guest.stop();
    } catch (error) {
      assert.ok(error instanceof FerryError, String(error));
    }
    assert.equal((await served.ended()).code, 1);
    assert.match(served.lines.join('\n'), /The clumsy device failed/);
  });

test('a device that cannot be made is refused before anybody can connect', async () => {
  using folder = testFolder();
  const words = await Served.refusal(folder.path, { device: 'clumsy', options: 'create' });
  assert.match(words, /^exit code 1: TypeError: a slip in createDevice/);
  assert.ok(!existsSync(join(folder.path, 'clumsy.sock')));
});

test('slips while saving and loading are refusals, the device serves on', async () => {
  using folder = testFolder();
  for (const mistake of ['save', 'load']) {
    await using served = await Served.start(folder.path, { device: 'clumsy', options: mistake }, mistake);
    using guest = new SmallGuest();
    guest.attach(served.path).start();
    assert.equal(guest.ask(1), 0xdead_beefn);
    guest.stop();
    const move = () =>
      mistake === 'save' ? saveState(guest.frontEnd) : guest.frontEnd.loadState([saveState(guest.frontEnd)]);
    assert.throws(move, { code: 'ERR_STATE_REFUSED' });
    guest.frontEnd.start();
    assert.equal(guest.ask(1), 0xdead_beefn);
  }
});

test('a device whose loaded state cannot take effect has failed until it is reset', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'clumsy', options: 'commit' });
  await using control = await ControlClient.connect(served.controlPath);
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  guest.stop();
  assert.throws(() => guest.frontEnd.loadState([saveState(guest.frontEnd)]), { code: 'ERR_STATE_REFUSED' });
  assert.equal((await control.status()).lifecycle, 'error');
  assert.throws(() => guest.frontEnd.start(), { code: 'ERR_REFUSED' });
  guest.attach(served.path).start();
  assert.equal((await control.status()).lifecycle, 'running');
  assert.equal(guest.ask(1), 0xdead_beefn);
});

test('a front end that vanishes and comes back without a reset finds its guest’s requests waiting', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'tally' });
  using guest = new SmallGuest();
  guest.attach(served.path, WITHOUT_RESET).start();
  guest.send(7, WAIT, 10);
  assert.equal(guest.ask(ADD, 4), 4n);
  guest.stop();
  guest.attach(served.path, WITHOUT_RESET).start();
  guest.send(0, ADD, 6);
  assert.deepEqual([guest.collect(), guest.collect()], [7, 0]);
  assert.equal(guest.answer(7), 10n);
});

test('a new driver does not inherit what the last one waited for', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'tally' });
  for (const [options, goal] of [
    [{}, 1_000],
    [WITHOUT_RESET, 1_000_000],
  ] as const) {
    using before = new SmallGuest();
    before.attach(served.path, options).start();
    before.send(7, WAIT, goal);
    before.ask(READ);
    before.stop();
    before.detach();
    using after = new SmallGuest();
    after.attach(served.path, options).start();
    assert.ok(after.ask(ADD, goal) >= goal);
    assert.equal(after.queue.inFlight, 0);
  }
});

test('a guest that was committed elsewhere does not start here again', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'tally' });
  await using control = await ControlClient.connect(served.controlPath);
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  await assert.rejects(control.fence(3), { code: 'ERR_NOT_SUSPENDED' });
  guest.stop();
  await control.fence(3);
  assert.equal((await control.status()).epoch, 3);
  assert.throws(() => guest.frontEnd.start(), { code: 'ERR_REFUSED' });
  assert.ok(saveState(guest.frontEnd).length > 0);
  guest.attach(served.path);
  assert.throws(() => guest.frontEnd.start(), { code: 'ERR_REFUSED' });
  assert.equal((await control.status()).lifecycle, 'stop');
  assert.equal(await control.release(), true);
  guest.attach(served.path).start();
  assert.equal(guest.ask(ADD, 2), 2n);
});

test('what belonged to a guest is dropped after the time that it is kept', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'tally', settings: { keep: 300 } });
  using guest = new SmallGuest();
  guest.attach(served.path, WITHOUT_RESET).start();
  guest.send(7, WAIT, 10);
  assert.equal(guest.ask(ADD, 4), 4n);
  guest.stop();
  guest.detach();
  await served.said(/is dropped/);
  guest.attach(served.path, WITHOUT_RESET).start();
  assert.equal(guest.ask(ADD, 10), 14n);
  assert.equal(guest.queue.inFlight, 1);
});

test('an idle device sleeps', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'tally' });
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  for (let i = 0; i < 100; i++) guest.ask(ADD, 1);
  const ticks = () => cpuTicks(served.process.pid);
  const before = ticks();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.ok(ticks() - before <= 5, `${ticks() - before} ticks of CPU in an idle second`);
});

/** Hundredths of a second that a process has used, from /proc. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

test('sessions beyond the limit are turned away', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'tally' });
  using all = new DisposableStack();
  const first = all.use(new RawFrontEnd(served.path));
  assert.ok(first.ping());
  for (let i = 1; i < 16; i++) assert.ok(all.use(new RawFrontEnd(served.path)).ping());
  // What it said might come after the other end is closed
  assert.ok(all.use(new RawFrontEnd(served.path, { silent: true })).hungUp());
  assert.ok(first.ping());
});
