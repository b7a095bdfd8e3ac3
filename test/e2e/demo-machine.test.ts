import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Authority } from '../support/engine/certificates.ts';

const FERRY = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

interface Line {
  readonly atMs?: number;
  readonly type: string;
  readonly text?: string;
  readonly what?: string;
  readonly ok?: boolean;
  readonly found?: string;
  readonly value?: number;
  readonly [field: string]: unknown;
}

const SMALL = ['--embedded', '--json', '--ram', '64M', '--state', '4M', '--channels', '2'];

/** What moves so fast that no pass over memory is the last one. */
const RESTLESS = ['--devices', '1', '--dirty-rate', '4G', '--downtime', '1'];

interface Run {
  readonly code: number | null;
  readonly lines: readonly Line[];
  readonly errors: string;
}

/** Run the demonstration of a small machine; `onLine` may interfere. */
async function demo(words: readonly string[], onLine?: (line: Line, pid: number) => void): Promise<Run> {
  const child = spawn(FERRY, ['demo', ...SMALL, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: Line[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    onLine?.(line, child.pid!);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, lines, errors };
}

/** All checks hold but those that are named. */
function assertChecks({ lines, errors }: Run, failing: readonly string[] = []): void {
  const checks = lines.filter(({ type }) => type === 'check');
  assert.ok(checks.length > failing.length, errors);
  for (const { what = '', ok, found } of checks)
    assert.equal(ok, !failing.includes(what), `${what}: ${found}`);
}

function assertMoved(run: Run): void {
  assert.equal(run.code, 0, `${run.errors}\n${run.lines.map((line) => JSON.stringify(line)).join('\n')}`);
  assertChecks(run);
  const { lines } = run;
  const of = (type: string) => lines.filter((line) => line.type === type);
  const whats = of('check').map(({ what }) => what);
  for (const what of ['the move', 'RAM block ram, byte for byte', 'RAM block drivers, byte for byte'])
    assert.ok(whats.includes(what), what);
  assert.ok(whats.includes('the disks, byte for byte'));
  assert.equal(whats.filter((what) => what?.startsWith('pages ')).length, 2, 'at once and later');
  assert.ok(of('pass').length >= 1);
  for (const { pass, pages, ms } of of('pass'))
    for (const value of [pass, pages, ms]) assert.equal(typeof value, 'number');
  assert.deepEqual(
    of('device').map(({ name, bytes }) => [name, (bytes as number) > 4 * 2 ** 20]),
    [0, 1, 2].map((i) => [`disk ${i}`, true]),
  );
  assert.deepEqual(
    of('memory').map(({ end }) => end),
    ['source', 'destination'],
  );
  for (const { machineBytes, budgetBytes, peakBytes } of of('memory')) {
    assert.ok((budgetBytes as number) > 0);
    assert.ok((peakBytes as number) > (machineBytes as number) / 2);
  }
  assert.ok(of('figure').some(({ what, value }) => what === 'downtime' && value! > 0));
  assert.deepEqual([lines.at(-1)?.type, lines.at(-1)?.ok, lines.at(-1)?.end], ['result', true, 'told']);
}

/** Processes that the process with this id has started. */
function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

suite('a machine of its own moves between two processes', { concurrency: 2 }, () => {
  test('plainly, with every byte compared', async () => {
    assertMoved(await demo(['--devices', '3']));
  });

  test('over TLS with RAM and state compressed, each by itself, and without checksums', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ferry-demo-tls-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const authority = new Authority(folder, 'test');
    for (const end of ['server', 'client'] as const) {
      const { ca, certificate, key } = authority.issue(end, ['127.0.0.1']);
      copyFileSync(ca, join(folder, 'ca-cert.pem'));
      renameSync(certificate, join(folder, `${end}-cert.pem`));
      renameSync(key, join(folder, `${end}-key.pem`));
    }
    const compressed = ['--compress', 'zstd', '--compress-state', 'zstd'];
    assertMoved(await demo(['--devices', '3', '--tls', folder, '--no-checksum', ...compressed]));
  });

  test('until Ctrl-C, after which it goes on where it was', async () => {
    let sent = false;
    const run = await demo(RESTLESS, ({ type }, pid) => {
      if (type !== 'pass' || sent) return;
      sent = true;
      process.kill(pid, 'SIGINT');
    });
    assert.equal(run.code, 4, run.errors);
    assertChecks(run, ['the move']);
    const { type, ok, end } = run.lines.at(-1)!;
    assert.deepEqual([type, ok, end], ['result', false, 'cancelled']);
  });

  test('unless the second process is killed: then it goes on where it was', async () => {
    let killed = false;
    const run = await demo(RESTLESS, ({ type }, pid) => {
      if (type !== 'pass' || killed) return;
      killed = true;
      for (const child of childrenOf(pid)) process.kill(child, 'SIGKILL');
    });
    assert.equal(run.code, 1, run.errors);
    assertChecks(run, ['the move']);
    const here = run.lines.filter(({ type, what }) => type === 'check' && what?.includes('first process'));
    assert.ok(here.length >= 2, 'pages and blocks were looked at');
    assert.deepEqual([run.lines.at(-1)?.type, run.lines.at(-1)?.ok], ['result', false]);
  });
});

test('options that cannot be are usage errors, and too large a machine is refused', () => {
  const ferry = (...words: string[]) =>
    spawnSync(FERRY, ['demo', ...words], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
  for (const [words, message] of [
    [['--devices', '2'], /'--devices' .* needs '--embedded'/],
    [['--embedded', '--ram', '1000000'], /multiple of 64K/],
    [['--embedded', '--channels', '0'], /whole number from 1 to 64/],
    [['--embedded', '--devices', '65'], /whole number from 0 to 64/],
    [['--embedded', '--compress', 'lz4'], /Allowed choices are none, zlib, zstd/],
  ] as const) {
    const { status, stderr } = ferry(...words);
    assert.equal(status, 2, words.join(' '));
    assert.match(stderr, message);
  }
  const { status, stdout } = ferry('--embedded', '--ram', '900T');
  assert.equal(status, 3, stdout);
  assert.match(stdout, /need 1800 TiB|need 18\d\d TiB/);
});
