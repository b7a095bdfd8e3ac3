import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { MIGRATE_EXIT } from '../../src/cli/exit-codes.ts';
import { LiveView } from '../../src/cli/live-view.ts';
import {
  formatSize,
  formatTime,
  parseMilliseconds,
  parseRate,
  parseSeconds,
  parseSize,
} from '../../src/cli/quantities.ts';
import { type MigrateEvent, OUTCOMES } from '../../src/migrate/index.ts';

const FERRY = new URL('../../bin/ferry', import.meta.url).pathname;

function ferry(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(FERRY, args, {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { status, stdout, stderr };
}

test('sizes, rates and times are read strictly', () => {
  assert.equal(parseSize('4096'), 4096);
  assert.equal(parseSize('64M'), 64 * 1024 ** 2);
  assert.equal(parseSize('1.5GiB'), 1.5 * 1024 ** 3);
  assert.equal(parseRate('500k/s'), 500 * 1024);
  assert.equal(parseMilliseconds('300'), 300);
  assert.equal(parseMilliseconds('0.5s'), 500);
  assert.equal(parseSeconds('90'), 90);
  assert.equal(parseSeconds('10m'), 600);
  for (const bad of ['', '-1', '1e3', '64MB', '64 megabytes', '0', '0x10', 'NaN', '9999999T', '1,5G', '٣'])
    assert.throws(() => parseSize(bad), /Found/, bad);
  for (const bad of ['', '-1', '1d', 'soon', '0', '1h30m', '3000s'])
    assert.throws(() => parseMilliseconds(bad), /Found/, bad);
  assert.throws(() => parseSeconds('200h'), /at most/);
});

test('sizes and times are written for people', () => {
  assert.deepEqual([0, 1023, 1024, 150 * 1024, 3 * 1024 ** 3].map(formatSize), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '150 KiB',
    '3.0 GiB',
  ]);
  assert.deepEqual([8, 3400, 300_000].map(formatTime), ['8 ms', '3.4 s', '5 min']);
});

test('every outcome has an exit code, and only success has 0', () => {
  for (const outcome of OUTCOMES)
    assert.equal(MIGRATE_EXIT[outcome] === 0, outcome === 'moved' || outcome === 'planned');
});

const PROGRESS: MigrateEvent = {
  atMs: 1200,
  type: 'progress',
  transferred: 1024 ** 3,
  remaining: 512 * 1024 ** 2,
  total: 2 * 1024 ** 3,
  pass: 2,
  rate: 800 * 1024 ** 2,
  dirtyRate: 35 * 1024 ** 2,
  expectedDowntimeMs: 120,
  timeLeftMs: [640, 669],
};

test('the live view redraws one line on a terminal and writes plain lines elsewhere', () => {
  const written: string[] = [];
  const screen = { isTTY: true, columns: 200, write: (text: string) => written.push(text) };
  const view = new LiveView(screen, false);
  view.show({ atMs: 0, type: 'phase', phase: 'pre-copy', cancel: 'rolls-back' });
  view.show(PROGRESS);
  view.show({ ...PROGRESS, atMs: 1300 });
  view.show({ atMs: 1400, type: 'note', text: 'hello' });
  view.end();
  assert.equal(
    written[1],
    '\r\x1b[K   1.2 s  pre-copy  1.0 GiB sent, 512 MiB left  800 MiB/s  dirty 35.0 MiB/s  pass 2  pause ~120 ms  640 ms to 669 ms left',
  );
  assert.equal(written[3], '\r\x1b[K   1.4 s  hello\n');
  assert.equal(written.length, 4);

  const plain: string[] = [];
  const lines = new LiveView({ write: (text: string) => plain.push(text) }, false);
  for (let atMs = 0; atMs <= 10_000; atMs += 200) lines.show({ ...PROGRESS, atMs });
  assert.equal(plain.length, 3);
  assert.ok(plain.every((line) => line.endsWith('\n') && !line.includes('\x1b')));
});

test('help begins with two examples, version and suggestions are there', () => {
  const help = ferry('--help');
  assert.equal(help.status, 0);
  assert.match(help.stdout, /^Examples:\n {2}ferry \S+.*\n {2}ferry \S+.*\n/);
  assert.match(ferry('--version').stdout, /^\d+\.\d+\.\d+\n$/);
  const misspelt = ferry('migrate', '--to-qmq', 'x');
  assert.equal(misspelt.status, 2);
  assert.match(misspelt.stderr, /unknown option '--to-qmq'\n\(Did you mean --to-qmp\?\)/);
  assert.match(ferry('migrat').stderr, /Did you mean migrate/);
  assert.equal(ferry('migrate', '--qmp', 'a').status, 2);
  assert.match(
    ferry('migrate', '--qmp', 'a', '--to-qmp', 'b', '--bandwidth', '5MB').stderr,
    /5MB.*expected bytes such as/,
  );
});

test('a monitor that is not there is refused with exit code 3, for people and as JSON', () => {
  const said = ferry('migrate', '--qmp', '/nonexistent/a', '--to-qmp', '/nonexistent/b');
  assert.equal(said.status, 3);
  assert.match(said.stdout, /^refused: No monitor at \/nonexistent\/a/);
  const json = ferry('migrate', '--qmp', '/nonexistent/a', '--to-qmp', '/nonexistent/b', '--json');
  assert.equal(json.status, 3);
  const lines = json.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual([lines.at(-1).type, lines.at(-1).ok, lines.at(-1).outcome], ['result', false, 'refused']);
});
