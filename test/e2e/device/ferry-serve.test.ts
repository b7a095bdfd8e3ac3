/** `ferry serve fs` by the conventions for back-end programs (QEMU, docs/interop/vhost-user.json). */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../../../src/control/index.ts';
import { type Captured, capture, launchProcess, waitForSocket } from '../../../src/launch/index.ts';
import { createMemfd, listenUnix } from '../../../src/sys/index.ts';
import { FrontEnd, VirtioFeature } from '../../../src/vhost-user/index.ts';
import { testFolder } from '../../support/device/served.ts';

const FERRY = fileURLToPath(new URL('../../../bin/ferry', import.meta.url));
const FERRY_BLK = fileURLToPath(new URL('../../../bin/ferry-blk', import.meta.url));
const FERRY_FS = fileURLToPath(new URL('../../../bin/ferry-fs', import.meta.url));

function run(program: string, ...args: string[]): Promise<Captured> {
  return capture([program, ...args], { deadline: 20_000 });
}

test('--print-capabilities says what it can do, whatever else is there', async () => {
  const asked = [
    [FERRY, 'serve', 'fs', '--print-capabilities'],
    [FERRY_FS, '--print-capabilities'],
    [
      FERRY_FS,
      '--memory',
      'none',
      '--locks',
      'none',
      '--state-channel=none',
      '--new',
      '--print-capabilities',
    ],
  ];
  for (const [program, ...args] of asked) {
    const { code, stdout, stderr } = await run(program!, ...args);
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(JSON.parse(stdout), { type: 'fs', features: ['migrate-precopy'] });
  }
});

test('--print-descriptor names a program that can be started', async () => {
  const { stdout } = await run(FERRY, 'serve', 'fs', '--print-descriptor');
  const { type, binary, description } = JSON.parse(stdout);
  assert.deepEqual([type, typeof description], ['fs', 'string']);
  assert.equal((await run(binary, '--print-capabilities')).code, 0);
});

const usage: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['neither path nor descriptor', ['--memory', '1M'], /exactly one of/],
  ['both path and descriptor', ['--memory', '1M', '--fd', '3', '--socket-path', 'x'], /exactly one of/],
  ['no memory', ['--socket-path', 'x'], /'--memory <size>' and '--directory <directory>'/],
  [
    'memory and directory',
    ['--socket-path', 'x', '--memory', '1M', '--directory', '/'],
    /'--memory' does not go/,
  ],
  [
    'a policy for memory',
    ['--socket-path', 'x', '--memory', '1M', '--cache', 'none'],
    /'--cache' does not go/,
  ],
  ['no such policy', ['--socket-path', 'x', '--directory', '/', '--cache', 'some'], /cache is "some"/],
  ['no such answer', ['--socket-path', 'x', '--directory', '/', '--on-mismatch', 'x'], /onMismatch is "x"/],
  ['memory that is no size', ['--socket-path', 'x', '--memory', 'lots'], /option '--memory': Found "lots"/],
  ['too little memory', ['--socket-path', 'x', '--memory', '1K'], /memory is 1024/],
  ['a descriptor that is no number', ['--memory', '1M', '--fd', 'x'], /option '--fd'/],
  ['an option that is not there', ['--memory', '1M', '--socket-path', 'x', '--daemonize'], /'--daemonize'/],
  ['another owner', ['--memory', '1M', '--socket-path', 'x', '--state-channel', 'y'], /'--state-channel'/],
  ['too many queues', ['--memory', '1M', '--socket-path', 'x', '--queues', '65'], /requestQueues is 65/],
  ['queues that are no number', ['--memory', '1M', '--socket-path', 'x', '--queues', 'x'], /'--queues'/],
  ['locks elsewhere', ['--memory', '1M', '--socket-path', 'x', '--locks', 'y'], /locks is "y"/],
];

for (const [name, args, words] of usage)
  test(`${name}: exit code 2`, async () => {
    const { code, stderr } = await run(FERRY_FS, ...args);
    assert.equal(code, 2);
    assert.match(stderr, words);
  });

test('what cannot be had: exit code 1 and one line', async () => {
  using folder = testFolder();
  using file = createMemfd('no socket', 1);
  const path = join(folder.path, 'fs.sock');
  const wanted: readonly (readonly [readonly string[], RegExp])[] = [
    [['--socket-path', join(folder.path, 'not/there.sock')], /ENOENT/],
    [['--socket-path', path, '--from', join(folder.path, 'nowhere')], /nowhere/],
    [['--socket-path', `${path}${'x'.repeat(120)}`], /at most 107/],
    [['--fd', '3'], /Descriptor 3 is no unix stream socket/],
  ];
  for (const [args, words] of wanted) {
    const child = await launchProcess({ command: [FERRY_FS, '--memory', '1M', ...args], fds: [file.number] });
    const { code } = await child.ended(20_000);
    assert.equal(code, 1, child.tail);
    assert.match(child.tail, words);
    assert.equal(child.tail.trim().split('\n').length, 1, child.tail);
  }
  assert.ok(!existsSync(path));
});

test('it serves at a path, says so in one line, answers for itself, and leaves nothing at SIGTERM', async () => {
  using folder = testFolder();
  const path = join(folder.path, 'fs.sock');
  const lines: string[] = [];
  await using child = await launchProcess({
    command: [FERRY_FS, '--memory', '8M', '--socket-path', path, '--tag', 'stuff'],
    onLine: (line) => lines.push(line),
  });
  await waitForSocket(`${path}.ctl`, { child });
  using frontEnd = FrontEnd.connect(path);
  {
    await using control = await ControlClient.connect(`${path}.ctl`);
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    const status = await control.status();
    assert.deepEqual([status.program, status.version, status.device], ['ferry', version, 'fs']);
    assert.ok(status.negotiated?.protocolFeatures.includes('DEVICE_STATE'));
  }
  frontEnd.ping();
  frontEnd[Symbol.dispose]();
  child.kill('SIGTERM');
  assert.deepEqual(await child.ended(5_000), { code: 0, signal: null });
  assert.deepEqual(
    [lines.length, lines[0]],
    [1, `ferry serve: fs is ready at ${path} (8.0 MiB of memory, control ${path}.ctl)`],
  );
  assert.ok(!existsSync(path) && !existsSync(`${path}.ctl`));
});

test('a disk, which watches its lanes, ends in good order at SIGTERM', async () => {
  using folder = testFolder();
  const image = join(folder.path, 'disk.raw');
  writeFileSync(image, new Uint8Array(1 << 20));
  const path = join(folder.path, 'blk.sock');
  await using child = await launchProcess({ command: [FERRY_BLK, '--path', image, '--socket-path', path] });
  await waitForSocket(`${path}.ctl`, { child });
  child.kill('SIGTERM');
  assert.deepEqual(await child.ended(5_000), { code: 0, signal: null });
});

test('it serves an inherited socket, without a control socket unless it is told where', async () => {
  using folder = testFolder();
  const path = join(folder.path, 'fs.sock');
  using listener = listenUnix(path);
  const lines = Promise.withResolvers<string>();
  await using child = await launchProcess({
    command: [FERRY_FS, '--memory=8M', '--fd=3', '--spin=0', '--no-packed', '--queues=3'],
    fds: [listener.number],
    onLine: lines.resolve,
  });
  assert.equal(await lines.promise, 'ferry serve: fs is ready at descriptor 3 (8.0 MiB of memory)');
  using frontEnd = FrontEnd.connect(path);
  assert.equal(frontEnd.maxQueues, 4, 'the urgent one, and three');
  assert.equal(frontEnd.offered.features & VirtioFeature.RING_PACKED, 0n);
  assert.ok(!existsSync(`${path}.ctl`));
  assert.equal(child.exit, undefined);
});
