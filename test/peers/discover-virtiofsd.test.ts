/** The descriptor that Debian ships beside virtiofsd, and what that program says when it is asked for a document. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { type DescribedDocument, findDescriptors, readDescriptors } from '../../src/discover/index.ts';
import { choosePeer, type Peer } from '../../src/launch/index.ts';
import { testPeers } from '../guest/index.ts';

/** The folder of descriptors that came with a program of a cached set: `usr/libexec/virtiofsd` lies beside `usr/share`. */
function descriptorsBeside({ path }: Peer): string {
  return join(dirname(path), '../share/qemu/vhost-user');
}

describe("virtiofsd's descriptor", () => {
  it('is read as it is shipped, and its program is said to offer no document', async () => {
    const virtiofsd = choosePeer(await testPeers(), 'virtiofsd');
    const shipped = descriptorsBeside(virtiofsd);
    const { descriptors, problems } = await findDescriptors({ type: 'fs', folders: [shipped] });
    assert.deepEqual(problems, []);
    const [descriptor] = descriptors;
    assert.ok(descriptor !== undefined && descriptors.length === 1);
    assert.equal(descriptor.path, join(shipped, '50-virtiofsd.json'));
    assert.equal(descriptor.binary, '/usr/libexec/virtiofsd');
    assert.ok(descriptor.features.includes('migrate-precopy'), descriptor.features.join());

    const folder = mkdtempSync(join(tmpdir(), 'ferry-virtiofsd-'));
    try {
      // The program is not where the package would have put it, and needs the loader it came with
      const binary = join(folder, 'virtiofsd');
      const words = virtiofsd.command.map((word) => `'${word}'`).join(' ');
      writeFileSync(binary, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
      const own = { description: 'as above', type: 'fs', binary };
      writeFileSync(join(folder, '50-virtiofsd.json'), JSON.stringify(own));
      const here = await findDescriptors({ type: 'fs', folders: [shipped, folder] });
      const told: DescribedDocument[] = [];
      for await (const one of readDescriptors(here.descriptors)) told.push(one);
      const [one] = told;
      assert.ok(one !== undefined && 'error' in one && told.length === 1);
      assert.deepEqual([one.descriptor.binary, one.error.code], [binary, 'ERR_DISCOVER_NONE']);
      assert.match(one.error.message, /does not know --print-migration-info-json: .*unexpected argument/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
