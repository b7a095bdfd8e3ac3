/** Mangled lists of migration parameters in device state: each is refused by name, or is the list that was written. */
import assert from 'node:assert/strict';
import { formatList, parseList } from '../../src/compat/index.ts';
import { PARAMETERS_SECTION, readParameters, writeParameters } from '../../src/device/parameters-record.ts';
import { StateError } from '../../src/state/index.ts';
import { type Draw, fuzz } from './target.ts';

const HEAD = 36;

/** The record of a list with some parameters. */
function written(draw: Draw): Uint8Array {
  const params = Array.from({ length: draw.below(8) }, (_, i) => `p${i}=${draw.below(1000)}`);
  let record = new Uint8Array(0);
  writeParameters(
    {
      write: (section, ...parts) => {
        assert.equal(section, PARAMETERS_SECTION);
        record = new Uint8Array(Buffer.concat(parts));
      },
      records: 0,
      bytes: 0,
    },
    parseList({ model: 'a.com/nic', params }),
  );
  return record;
}

/** The list's text in a record, or undefined where it is refused. */
function read(payload: Uint8Array): string | undefined {
  try {
    return formatList(readParameters({ section: PARAMETERS_SECTION.name, version: 1, payload }));
  } catch (error) {
    assert.ok(error instanceof StateError, `not a StateError: ${String(error)}`);
    return undefined;
  }
}

fuzz('parameters-record', async (loop) => {
  let refused = 0;
  await loop((draw) => {
    if (draw.once(4)) {
      assert.equal(read(draw.take(draw.below(512))), undefined);
      return;
    }
    const original = written(draw);
    assert.equal(read(original), Buffer.from(original.subarray(HEAD)).toString());
    const hit = original.slice();
    const at = draw.below(hit.length);
    hit[at] = draw.below(256);
    const found = read(draw.once(3) ? hit.subarray(0, at) : hit);
    if (found === undefined) refused++;
    else assert.deepEqual(Buffer.from(hit), Buffer.from(original));
  });
  assert.ok(refused > 0, 'nothing was refused');
});
