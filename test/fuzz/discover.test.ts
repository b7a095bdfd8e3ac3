/** Nonsense in inventories and descriptors: each entry is a document or a named error, and none ends the others. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { decodeDescriptor, readInventory } from '../../src/discover/index.ts';
import { memberTexts } from '../../src/discover/members.ts';
import { FerryError } from '../../src/errors.ts';
import { type Draw, fuzz } from './target.ts';

const NAMES = [
  'id',
  'info',
  'labels',
  'weight',
  'where',
  'models',
  'description',
  'type',
  'binary',
  'features',
  'tags',
  '__proto__',
  'a\\"',
  'é',
];
const ATOMS = [
  '0',
  '-1',
  '1e999',
  '1.5',
  '18446744073709551615',
  'null',
  'true',
  '""',
  '"fs"',
  '"/bin/a"',
  '"a:,{}[]"',
  '"\\\\"',
  '"\\""',
  'nul',
  '"',
  '\\',
];
const DOCUMENT = '{"models":{"a.com/nic":{"params":{"q":{"type":"int","init_value":4}}}}}';

function value(draw: Draw, depth = 0): string {
  const kind = draw.below(depth > 3 ? 3 : 6);
  if (kind < 2) return draw.pick(ATOMS);
  if (kind === 2) return DOCUMENT;
  if (kind === 3) return `[${Array.from({ length: draw.below(4) }, () => value(draw, depth + 1)).join(',')}]`;
  if (kind === 4) return JSON.stringify('é\u{10ffff}\ud800 '.repeat(draw.below(50)));
  return object(draw, depth + 1);
}

function object(draw: Draw, depth = 0): string {
  const space = draw.pick(['', ' ', '\t', '\r']);
  const members = Array.from(
    { length: draw.below(5) },
    () => `${space}"${draw.pick(NAMES)}"${space}:${value(draw, depth)}`,
  );
  return `{${members.join(`${space},`)}${space}}`;
}

/** A line that may be an entry, with something broken now and then. */
function line(draw: Draw): Buffer {
  const kind = draw.below(8);
  if (kind === 0) return Buffer.from(draw.take(draw.below(40)));
  const good = `{"id":"host${draw.below(5)}","info":${DOCUMENT},"weight":${draw.below(9)}}`;
  const bytes = Buffer.from(kind < 3 ? good : object(draw));
  if (draw.once(4) && bytes.length > 0) bytes[draw.below(bytes.length)] = draw.below(256);
  return draw.once(6) ? bytes.subarray(0, draw.below(bytes.length + 1)) : bytes;
}

/** What JSON.parse makes of an object, where it is one whose members are each there once. */
function parsed(text: string): object | undefined {
  try {
    const whole: unknown = JSON.parse(text);
    return typeof whole === 'object' && whole !== null && !Array.isArray(whole) ? whole : undefined;
  } catch {
    return undefined;
  }
}

function valuesOf(members: ReadonlyMap<string, string> | undefined): Map<string, unknown> {
  return new Map([...(members ?? [])].map(([name, text]) => [name, JSON.parse(text)]));
}

function linesIn(bytes: Buffer): Buffer[] {
  const ends = [...bytes.keys()].filter((at) => bytes[at] === 0x0a);
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : (ends[i - 1] ?? 0) + 1, end));
}

/** Whether a line is more than white space. */
function hasSomething(bytes: Buffer): boolean {
  return !isUtf8(bytes) || new TextDecoder().decode(bytes).trim() !== '';
}

fuzz('discover', async (loop) => {
  let [documents, errors, descriptors] = [0, 0, 0];
  await loop(async (draw) => {
    const lines = Array.from({ length: 1 + draw.below(6) }, () => line(draw));
    const bytes = Buffer.concat(lines.flatMap((one) => [one, Buffer.from('\n')]));
    const cut = draw.below(bytes.length);
    const input = Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)]);
    let entries = 0;
    const ids = new Set<string>();
    for await (const entry of readInventory('-', { input })) {
      entries++;
      if ('error' in entry) {
        assert.ok(entry.error instanceof FerryError && entry.error.code !== '');
        errors++;
      } else {
        assert.ok(entry.discovered.info.models.size >= 0 && !ids.has(entry.id));
        ids.add(entry.id);
        documents++;
      }
    }
    assert.equal(entries, linesIn(bytes).filter(hasSomething).length);

    const text = lines[0]?.toString() ?? '';
    const whole = parsed(text);
    if (whole !== undefined) {
      // Written anew, no member is there twice
      const anew = JSON.stringify(whole);
      assert.deepEqual(valuesOf(memberTexts(anew)), new Map(Object.entries(JSON.parse(anew))));
      const members = memberTexts(text);
      if (members !== undefined) assert.deepEqual(valuesOf(members), new Map(Object.entries(whole)));
    }
    try {
      assert.ok(decodeDescriptor(text, 'fuzz').binary.startsWith('/'));
      descriptors++;
    } catch (error) {
      assert.ok(error instanceof FerryError && error.code === 'ERR_DISCOVER_DESCRIPTOR', String(error));
    }
    const good = `{"description":${JSON.stringify(String(draw.below(9)))},"type":"fs","binary":"/a","tags":${draw.once(2) ? '[]' : value(draw)}}`;
    if (parsed(good) !== undefined) assert.equal(decodeDescriptor(good, 'fuzz').type, 'fs');
  });
  assert.ok(
    documents > 0 && errors > 0,
    `${documents} documents, ${errors} errors, ${descriptors} descriptors`,
  );
});
