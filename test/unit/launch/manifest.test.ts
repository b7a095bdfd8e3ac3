import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../src/errors.ts';
import { decodeManifest, type SetManifest } from '../../../src/launch/index.ts';

const manifest: SetManifest = {
  format: 1,
  set: 'trixie',
  recipe: 'abc',
  packages: [{ name: 'passt', version: '1:2-3', size: 7, sha256: 'ff' }],
  programs: [{ name: 'passt', version: '2', path: 'root/usr/bin/passt' }],
  kernels: [{ release: '6.12', image: 'kernel/vmlinux', config: 'kernel/config' }],
};

describe('a manifest', () => {
  it('is read as it was written', () => {
    assert.deepEqual(decodeManifest(JSON.stringify(manifest)), manifest);
  });

  it('is refused by the name of the field that is wrong', () => {
    const wrong: [field: string, value: unknown][] = [
      ['format', { ...manifest, format: 2 }],
      ['set', { ...manifest, set: '' }],
      ['packages', { ...manifest, packages: {} }],
      ['size', { ...manifest, packages: [{ ...manifest.packages[0], size: -1 }] }],
      ['programs[0]', { ...manifest, programs: [null] }],
      ['path', { ...manifest, programs: [{ name: 'sh', version: '1', path: '/bin/sh' }] }],
      ['image', { ...manifest, kernels: [{ release: '1', image: 'a/../../b', config: 'c' }] }],
      ['kernels', { ...manifest, kernels: Array.from({ length: 5000 }, () => manifest.kernels[0]) }],
    ];
    for (const [field, value] of wrong) {
      assert.throws(() => decodeManifest(JSON.stringify(value)), { code: 'ERR_MANIFEST', field });
    }
    assert.throws(() => decodeManifest('{'), { code: 'ERR_MANIFEST' });
  });

  it('throws nothing else, whatever it is', () => {
    const tryDecode = (text: string) => {
      try {
        decodeManifest(text);
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
      }
    };
    fc.assert(fc.property(fc.json(), tryDecode));
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(manifest)), fc.jsonValue(), (key, value) =>
        tryDecode(JSON.stringify({ ...manifest, [key]: value })),
      ),
    );
  });
});
