/** Mangled state streams: whatever arrives, a reader ends with a named error or with what was written. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { StateError, StateReader, StateWriter } from '../../src/state/index.ts';

const identity = { device: 'toy', virtioId: 42, stateVersion: 1, features: 0n };
const section = { name: 'things', version: 1, required: true };
const seconds = Number(process.env.FERRY_FUZZ_SECONDS ?? 3);
const seed = Number(process.env.FERRY_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const bounds = {
  seed,
  interruptAfterTimeLimit: seconds * 1000,
  numRuns: 1_000_000,
  markInterruptAsFailure: false,
  verbose: 1,
} as const;

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

const damage = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('copy' as const), at: fc.nat(), from: fc.nat(), length: fc.nat(128) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), length: fc.nat(128) }),
);

test('a mangled stream is refused or yields what was written', (t) => {
  t.diagnostic(`FERRY_FUZZ_SEED=${seed}`);
  const stream = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 });
  fc.assert(
    fc.property(stream, fc.array(damage, { minLength: 1, maxLength: 4 }), (payloads, damages) => {
      const original = written(payloads);
      let bytes = original.slice();
      for (const hit of damages) {
        const at = hit.at % (bytes.length + 1);
        if (hit.kind === 'set') bytes[at] = hit.byte;
        else if (hit.kind === 'copy')
          bytes.copyWithin(at, hit.from % bytes.length, (hit.from % bytes.length) + hit.length);
        else bytes = new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + hit.length)]));
      }
      const records = read(bytes);
      if (records !== undefined) assert.deepEqual(Buffer.from(bytes), Buffer.from(original));
    }),
    bounds,
  );
});

test('noise is refused', (t) => {
  t.diagnostic(`FERRY_FUZZ_SEED=${seed}`);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), (noise) => {
      assert.equal(read(noise), undefined);
    }),
    bounds,
  );
});

const kept = new URL('../vectors/state/refused/', import.meta.url);
for (const name of readdirSync(kept))
  test(`${name} is refused`, () => {
    const hex = readFileSync(new URL(name, kept), 'utf8').replaceAll(/#.*|\s/g, '');
    assert.equal(read(new Uint8Array(Buffer.from(hex, 'hex'))), undefined);
  });
