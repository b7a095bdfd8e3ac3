/** Nothing is forgotten: every request has its table, every source its row or test. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FrontEndRequest } from '../../src/vhost-user/index.ts';
import { BLK_TABLES, TABLES } from './requests/index.ts';
import { SOURCES } from './sources.ts';
import { ROWS } from './virtqueue-rows.ts';

const tests = new URL('../', import.meta.url);

test('every request of the protocol has a table of its own, in the order of its file', () => {
  const ids = TABLES.map((table) => table.request);
  assert.deepEqual(
    [...ids].sort((a, b) => a - b),
    Object.values(FrontEndRequest),
  );
  for (const [name, id] of Object.entries(FrontEndRequest)) {
    const file = new URL(`hostile/requests/${name.toLowerCase().replaceAll('_', '-')}.ts`, tests);
    assert.ok(existsSync(file), `${name} (${id}) has no file of its own`);
  }
});

test('every table has rows, each with a name of its own', () => {
  for (const { request, rows } of [...TABLES, ...BLK_TABLES]) {
    assert.ok(rows.length >= 3, `${rows.length} rows of request ${request}`);
    assert.equal(new Set(rows.map((row) => row.name)).size, rows.length, `names of request ${request}`);
  }
});

test('every source has a row, a test, or a reason', () => {
  const rows = [...TABLES, ...BLK_TABLES].flatMap((table) => table.rows);
  const played = new Set<string>([...rows, ...ROWS].flatMap((row) => row.source ?? []));
  const missing: string[] = [];
  for (const [id, { tested, inapplicable }] of Object.entries(SOURCES)) {
    if (tested !== undefined) {
      const [file, words] = tested;
      const path = new URL(file, tests);
      if (!existsSync(path) || !words.test(readFileSync(path, 'utf8')))
        missing.push(`${id}: ${file} has no test ${words}`);
    } else if (inapplicable === undefined && !played.has(id)) missing.push(`${id}: no row`);
  }
  assert.deepEqual(missing, []);
});
