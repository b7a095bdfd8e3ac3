/** Mangled state streams: whatever arrives, a reader ends with a named error or with what was written. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { StateError, StateReader, StateWriter } from '../../src/state/index.ts';
import { type Draw, fuzz } from './target.ts';

const identity = { device: 'toy', virtioId: 42, stateVersion: 1, features: 0n };
const section = { name: 'things', version: 1, required: true };

function sourceOf(bytes: Uint8Array) {
  let at = 0;
  return {
    read(into: Uint8Array): number {
      const piece = bytes.subarray(at, at + into.length);
      into.set(piece);
      at += piece.length;
      return piece.length;
    },
  };
}

function written(payloads: readonly Uint8Array[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  const writer = new StateWriter({ write: (bytes) => void pieces.push(bytes.slice()) }, identity);
  for (const payload of payloads) writer.write(section, payload);
  writer.close();
  return new Uint8Array(Buffer.concat(pieces));
}

/** The records of `bytes`, or undefined where they are refused. */
function read(bytes: Uint8Array): string[] | undefined {
  try {
    const reader = new StateReader(sourceOf(bytes), { ...identity, sections: [section] });
    const records: string[] = [];
    for (let record = reader.next(); record !== undefined; record = reader.next())
      records.push(Buffer.from(record.payload).toString('hex'));
    return records;
  } catch (error) {
    assert.ok(error instanceof StateError, `not a StateError: ${String(error)}`);
    return undefined;
  }
}

/** Set a byte, copy a piece over another, or cut one out. */
function damaged(bytes: Uint8Array, draw: Draw): Uint8Array {
  const at = draw.below(bytes.length + 1);
  const kind = draw.below(3);
  const length = draw.below(128);
  if (kind === 2) return new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]));
  const hit = bytes.slice();
  if (kind === 1) {
    const from = draw.below(bytes.length + 1);
    hit.copyWithin(at, from, from + length);
  } else if (at < hit.length) hit[at] = draw.below(256);
  return hit;
}

fuzz('state', async (loop) => {
  let refused = 0;
  await loop((draw) => {
    if (draw.once(4)) {
      assert.equal(read(draw.take(draw.below(4096))), undefined);
      return;
    }
    const original = written(Array.from({ length: draw.below(6) }, () => draw.take(draw.below(200))));
    let bytes = original;
    for (let hits = 1 + draw.below(4); hits > 0; hits--) bytes = damaged(bytes, draw);
    if (read(bytes) !== undefined) assert.deepEqual(Buffer.from(bytes), Buffer.from(original));
    else refused++;
  });
  assert.ok(refused > 0, 'nothing was refused');
});

const kept = new URL('../vectors/state/refused/', import.meta.url);
for (const name of readdirSync(kept))
  test(`${name} is refused`, () => {
    const hex = readFileSync(new URL(name, kept), 'utf8').replaceAll(/#.*|\s/g, '');
    assert.equal(read(new Uint8Array(Buffer.from(hex, 'hex'))), undefined);
  });
