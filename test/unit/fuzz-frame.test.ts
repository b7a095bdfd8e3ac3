/** The frame of the fuzz targets: a case is the bytes that it drew, a seed repeats it, and it is made small. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Draw } from '../fuzz/draw.ts';

/** Some of every kind of choice. */
function choices(draw: Draw): unknown[] {
  const limits = [1, 2, 256, 257, 65_537, 2 ** 32];
  return [
    ...limits.map((limit) => draw.below(limit)),
    draw.pick(['a', 'b', 'c']),
    draw.once(3),
    draw.u64(),
    ...draw.take(5),
  ];
}

test('what a case drew is drawn again from its bytes, and from its seed', () => {
  for (let seed = 0; seed < 200; seed++) {
    const fresh = Draw.fresh(seed);
    const drawn = choices(fresh);
    assert.deepEqual(choices(Draw.fresh(seed)), drawn);
    const kept = Draw.replay(fresh.bytes);
    assert.deepEqual(choices(kept), drawn);
    assert.equal(kept.ended, true);
    assert.deepEqual([kept.below(10), kept.once(2), kept.pick([7, 8])], [0, false, 7]);
  }
});

test('choices stay below their limit and reach all of it, also with neighbouring seeds', () => {
  for (const limit of [1, 3, 256, 1000]) {
    const seen = new Set<number>();
    for (let seed = 0; seed < 20 * limit; seed++) seen.add(Draw.fresh(seed).below(limit));
    assert.deepEqual(Math.max(...seen), limit - 1);
    assert.equal(seen.size, limit);
  }
});

test('a case that fails is told with its seed, as small as can be, and the seed repeats it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-frame-'));
  try {
    const file = join(folder, 'toy.test.ts');
    const frame = JSON.stringify(import.meta.resolve('../fuzz/target.ts'));
    const source = `
      import { fuzz } from ${frame};
      fuzz('toy', (loop) => loop((draw) => {
        const bytes = draw.take(40);
        if (bytes.filter((byte) => byte > 250).length > 1) throw new Error('two large ones');
      }));`;
    writeFileSync(file, source);
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const run = (seed?: string) =>
      spawnSync(process.execPath, ['--conditions=ferry-source', file], {
        env: { ...env, FERRY_FUZZ_SECONDS: '1', ...(seed === undefined ? {} : { FERRY_FUZZ_SEED: seed }) },
        encoding: 'utf8',
      });
    const first = run();
    assert.equal(first.status, 1);
    const [, seed] = /FERRY_FUZZ_SEED=(\d+), which is/.exec(first.stdout) ?? [];
    assert.ok(seed !== undefined, first.stdout);
    assert.match(first.stdout, /two large ones/);
    const [, hex] = /which is\s+([0-9a-f]+)\s/.exec(first.stdout) ?? [];
    // Nothing but the two, and zeroes that nobody has to write down
    assert.match(hex ?? '', /^(00)*f[b-f](00)*f[b-f]$/);
    const second = run(seed);
    assert.match(second.stdout, new RegExp(`FERRY_FUZZ_SEED=${seed}, which is`));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
