import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { capture } from '../../src/launch/index.ts';
import { testPeers } from '../guest/index.ts';

const ferry = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

interface Line {
  readonly type: string;
  readonly text?: string;
  readonly what?: string;
  readonly ok?: boolean;
  readonly value?: number;
}

/** Run a demonstration and return what it said, line by line. */
async function demo(...words: string[]): Promise<Line[]> {
  const { code, stdout, stderr } = await capture([ferry, 'demo', '--json', ...words], { deadline: 180_000 });
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

function assertWhole(lines: readonly Line[], figures: readonly string[]): void {
  const checks = lines.filter(({ type }) => type === 'check');
  assert.ok(checks.length >= 4);
  for (const { what = 'a check', ok } of checks) assert.equal(ok, true, what);
  for (const figure of figures)
    assert.ok(
      lines.some(({ type, what, value }) => type === 'figure' && what === figure && value! > 0),
      figure,
    );
  assert.equal(lines.at(-1)?.type, 'result');
  assert.equal(lines.at(-1)?.ok, true);
}

test('the demonstration moves a real guest under QEMU', async () => {
  await testPeers();
  const lines = await demo();
  assert.match(lines[0]?.text ?? '', /^QEMU /);
  assertWhole(lines, ['the whole move', 'downtime as QEMU reports it', "the file system's state"]);
});

test("without QEMU the demonstration moves Ferry's own front end, then its own machine, and says so", async () => {
  const lines = await demo('--embedded');
  assert.match(lines[0]?.text ?? '', /^Without QEMU/);
  assertWhole(lines, ['downtime', "the file system's state", 'pages of guest memory logged as written']);
  assert.equal(lines.filter(({ type }) => type === 'device').length, 8);
  assert.ok(lines.some(({ what }) => what === 'RAM block ram, byte for byte'));
});
