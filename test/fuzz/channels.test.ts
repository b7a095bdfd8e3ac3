/** Mangled hellos: each is refused by name, or is one that would be sent just so. */
import assert from 'node:assert/strict';
import { decodeHello, encodeHello } from '../../src/engine/channels/index.ts';
import { DecodeError } from '../../src/errors.ts';
import { fuzz } from './target.ts';

const uuid = new Uint8Array(16).fill(7);

fuzz('multifd-hello', async (loop) => {
  let refused = 0;
  let taken = 0;
  await loop((draw) => {
    const channels = 1 + draw.below(255);
    const extended = draw.below(2) === 1;
    const id = draw.below(256);
    const extension = {
      features: draw.below(65536),
      attempt: draw.below(1000),
      barriersSeen: draw.below(1000),
    };
    const bytes = encodeHello(extended ? { uuid, id, extension } : { uuid, id });
    for (let change = draw.below(4); change > 0; change--) bytes[draw.below(64)] = draw.below(256);
    const given = draw.below(16) === 0 ? bytes.subarray(0, draw.below(64)) : bytes;
    try {
      const hello = decodeHello(given, { uuid, channels, extended });
      assert.ok(hello.id < channels);
      assert.equal(hello.extension !== undefined, extended);
      assert.deepEqual(encodeHello(hello), given);
      taken++;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      assert.equal(error.code, 'ERR_HELLO');
      refused++;
    }
  });
  assert.ok(refused + taken > 0);
});
