import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const sys = JSON.stringify(resolve('src/sys/index.ts'));

/** What `npm test` says of one test file with `body`, and how it ends. */
function verdict(
  body: string,
  environment: Record<string, string> = {},
  options: readonly string[] = [],
): { last: string; code: number | null; text: string } {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-runner-'));
  const file = join(folder, 'planted.test.ts');
  writeFileSync(file, body);
  // The runner refuses to run inside a test: it is told that this is none
  const { NODE_TEST_CONTEXT: _, CI: __, ...env } = process.env;
  const child = spawnSync(
    process.execPath,
    ['--conditions=ferry-source', 'tools/npm/test.ts', ...options, file],
    {
      env: { ...env, ...environment },
      encoding: 'utf8',
    },
  );
  rmSync(folder, { recursive: true });
  const text = child.stdout + child.stderr;
  return { last: child.stdout.trimEnd().split('\n').at(-1) ?? '', code: child.status, text };
}

test('a file that holds and leaves nothing passes', () => {
  const { last, code } = verdict("import { test } from 'node:test';\ntest('a', () => {});\n");
  assert.deepEqual([last, code], ['1 passed, 0 failed, 0 skipped', 0]);
});

const planted: readonly [what: string, body: string, says: RegExp][] = [
  ['fails', "test('a', () => { throw new Error('found it'); });", /found it/],
  ['cannot be loaded', "throw new Error('no such thing');", /no such thing/],
  ['declares no test', 'export {};', /declares no test/],
  [
    'keeps a descriptor',
    `import { createEventfd } from ${sys};\ntest('a', () => { createEventfd('mine'); });`,
    /left open.*mine/s,
  ],
  [
    'keeps a file open',
    "import { openSync } from 'node:fs';\ntest('a', () => { openSync('/dev/zero'); });",
    /left open.*\/dev\/zero/s,
  ],
  [
    'leaves a temporary file',
    "import { mkdtempSync } from 'node:fs';\nimport { tmpdir } from 'node:os';\ntest('a', () => { mkdtempSync(tmpdir() + '/mine-'); });",
    /Left behind: file mine-/,
  ],
  [
    'leaves a process',
    "import { spawn } from 'node:child_process';\ntest('a', () => { spawn('sleep', ['60'], { stdio: 'ignore' }).unref(); });",
    /Left behind: process \d+ \(sleep 60\)/,
  ],
];

for (const [what, body, says] of planted) {
  test(`a file that ${what} fails the run`, () => {
    const { last, code, text } = verdict(`import { test } from 'node:test';\n${body}\n`);
    assert.match(last, /^\d+ passed, 1 failed, 0 skipped$/);
    assert.equal(code, 1);
    assert.match(text, says);
  });
}

test('a file that takes too long is killed, and the test it was in is named', () => {
  const body =
    "import { test } from 'node:test';\ntest('endless', () => new Promise(() => setInterval(() => {}, 1000)));\n";
  const { last, code, text } = verdict(body, {}, ['--limit', '2']);
  assert.deepEqual([last, code], ['0 passed, 1 failed, 0 skipped', 1]);
  assert.match(text, /Killed after 2 s, during "endless"/);
});

test('a skipped test is counted with its reason, and fails the run in CI alone', () => {
  const body =
    "import { test } from 'node:test';\ntest('a', () => {});\ntest('b', (t) => t.skip('no such device'));\n";
  const here = verdict(body);
  assert.deepEqual([here.last, here.code], ['1 passed, 0 failed, 1 skipped', 0]);
  assert.match(here.text, /Skipped: b .*no such device/);
  assert.equal(verdict(body, { CI: 'true' }).code, 1);
});
