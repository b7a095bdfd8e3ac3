/**
 * Streams as this format's versions write them, kept for ever: what is written today must still be these bytes, and
 * what was written once must still be read.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Item, identity, read, sections, write } from './streams.ts';

const nodes = sections[0]!;
const hints = sections[1]!;

const vectors: Readonly<Record<string, readonly Item[]>> = {
  'format1-empty': [],
  'format1-three-records': [
    { section: nodes, payload: new TextEncoder().encode('first') },
    { section: hints, payload: new Uint8Array(0) },
    { section: nodes, payload: Uint8Array.from({ length: 256 }, (_, i) => i) },
  ],
};

for (const [name, items] of Object.entries(vectors)) {
  const hex = readFileSync(new URL(`../../vectors/state/${name}.hex`, import.meta.url), 'utf8');
  const bytes = Buffer.from(hex.replaceAll(/#.*|\s/g, ''), 'hex');

  test(`${name} is what is written`, () => {
    assert.equal(Buffer.from(write(items, identity)).toString('hex'), bytes.toString('hex'));
  });

  test(`${name} is read`, () => {
    assert.deepEqual(
      read(bytes).map(({ section, payload }) => [section.name, section.version, Buffer.from(payload)]),
      items.map(({ section, payload }) => [section.name, section.version, Buffer.from(payload)]),
    );
  });
}
