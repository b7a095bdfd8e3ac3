import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { limitTables, withTables } from '../../tools/limits/table.ts';

const documents = globSync('*.md');

test('LIMITS.md holds the limits of the code (node tools/limits/table.ts writes them)', async () => {
  const text = readFileSync('LIMITS.md', 'utf8');
  assert.equal(text, withTables(text, await limitTables(process.cwd())));
});

test('files that the documents name are there', () => {
  for (const document of documents) {
    const text = readFileSync(document, 'utf8');
    const linked = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((found) =>
      join(dirname(document), found[1] ?? ''),
    );
    const named = [...text.matchAll(/`((?:src|tools|test|bench|examples|bin)\/[\w./-]*)`/g)].map(
      (found) => found[1] ?? '',
    );
    for (const path of [...linked, ...named]) assert.ok(existsSync(path), `${document} names ${path}`);
  }
});

test('ARCHITECTURE.md says what each room that there is holds, and why each dependency is there', () => {
  const text = readFileSync('ARCHITECTURE.md', 'utf8');
  const rooms = globSync('src/{*,devices/*,engine/*}/index.ts').map((path) =>
    path.slice('src/'.length, -'/index.ts'.length),
  );
  for (const room of rooms)
    assert.ok(text.includes(`\`${room}/\``), `ARCHITECTURE.md does not mention ${room}/`);
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
  const names = Object.keys({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.devDependencies,
  });
  for (const name of names)
    assert.ok(text.includes(`\`${name}\``), `ARCHITECTURE.md does not say why ${name} is needed`);
});
