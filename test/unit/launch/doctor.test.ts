import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { runDoctor } from '../../../src/cli/doctor.ts';

const cache = mkdtempSync(join(tmpdir(), 'ferry-doctor-'));
after(() => rmSync(cache, { recursive: true }));

interface Report {
  ok: boolean;
  checks: { name: string; ok: boolean; needed: boolean; found: string; advice?: string }[];
}

async function run(json: boolean): Promise<{ code: number; text: string }> {
  let text = '';
  const code = await runDoctor({ json, cache, write: (part) => (text += part) });
  return { code, text };
}

describe('ferry doctor', () => {
  it('finds what serve and migrate need on this machine', async () => {
    const { code, text } = await run(true);
    const report = JSON.parse(text) as Report;
    assert.equal(code, 0);
    assert.equal(report.ok, true);
    const needed = report.checks.filter((check) => check.needed);
    assert.deepEqual(
      needed.map((check) => check.name),
      ['node', 'system calls (koffi)', 'memfd with seals', 'eventfd', 'descriptors over unix sockets'],
    );
    assert.ok(needed.every((check) => check.ok && check.advice === undefined));
  });

  it('says what to do about what is missing', async () => {
    const { text } = await run(true);
    const { checks } = JSON.parse(text) as Report;
    const kernels = checks.find((check) => check.name === 'guest kernels');
    assert.equal(kernels?.ok, false);
    assert.ok(kernels?.advice?.includes(cache));
    for (const check of checks) {
      assert.notEqual(check.found, '');
      if (!check.ok && !check.found.startsWith('not tried')) assert.ok(check.advice, check.name);
    }
  });

  it('prints a line for each check', async () => {
    const { text } = await run(false);
    assert.match(text, /^ok +node +v\d+/m);
    assert.match(text, /^without +guest kernels +none$/m);
    assert.match(text, /ferry serve and ferry migrate can work here\n$/);
  });
});
