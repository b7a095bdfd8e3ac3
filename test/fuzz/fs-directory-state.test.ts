/** Mangled states of a shared directory: each is refused by name or loaded, and nothing outside the directory is reached. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import type { LoadedShare } from '../../src/devices/fs/directory/state/loaded-share.ts';
import { FerryError } from '../../src/errors.ts';
import { descriptors, everythingShared, Folder, load } from '../unit/fs-share-support.ts';
import type { Saved } from '../unit/fs-state-support.ts';
import { type Draw, fuzz } from './target.ts';

/** What numbers in a state are bent to. */
const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 255, 256, 4095, 4096, 65_536, 2 ** 31, 2 ** 32 - 1];
const NAMES = ['..', '../..', '/', '/etc', 'd/../..', '.', 'd', 'd/e', 'link', 'link/passwd', '\0'];

/** Change a number, a name or a byte, cut or double a record, or put one elsewhere. */
function bent(saved: readonly Saved[], draw: Draw): Saved[] {
  const at = draw.below(saved.length);
  const record = saved[at]!;
  const payload = record.payload.slice();
  const place = draw.below(payload.length + 1);
  const kind = draw.below(7);
  if (kind === 0) return saved.toSpliced(at, 1);
  if (kind === 1) return saved.toSpliced(draw.below(saved.length + 1), 0, record);
  if (kind === 2) return saved.with(at, { ...record, payload: payload.slice(0, place) });
  if (kind === 3)
    return saved.with(at, {
      ...record,
      payload: new Uint8Array(Buffer.concat([payload, payload.slice(place)])),
    });
  if (kind === 4 && place < payload.length) payload[place] = draw.below(256);
  if (kind === 5 && place + 4 <= payload.length)
    new DataView(payload.buffer).setUint32(place, draw.pick(NUMBERS), true);
  if (kind === 6)
    payload.set(Buffer.from(draw.pick(NAMES), 'latin1').subarray(0, payload.length - place), place);
  return saved.with(at, { ...record, payload });
}

/** Everything that a loaded state holds lies in the folder, or has no name anywhere. */
function staysInside({ share }: LoadedShare, folder: Folder): void {
  const held = [...share.inodes.values(), ...share.files.values(), ...share.directories.values()];
  for (const { fd } of held) {
    if (fd < 0) continue;
    const path = fs.readlinkSync(`/proc/self/fd/${fd}`);
    const inside = path === folder.path || path.startsWith(`${folder.path}/`);
    assert.ok(inside || / \(deleted\)$/.test(path), `${path} is reached`);
  }
}

fuzz('fs-directory-state', async (loop) => {
  using folder = new Folder(fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
  const saved = saveEverything(folder);
  fs.symlinkSync('/etc', folder.at('link'));
  const contents = fs.readdirSync(folder.path, { recursive: true }).sort();
  let loaded = 0;
  let refused = 0;
  await loop((draw) => {
    let state: readonly Saved[] = saved;
    for (let i = 1 + draw.below(4); i > 0; i--) state = bent(state, draw);
    const before = descriptors();
    const onMismatch = draw.pick(['refuse', 'guest-error'] as const);
    const identity = draw.pick(['inode', 'copy', 'path'] as const);
    try {
      using result = load(state, folder, { onMismatch, identity });
      staysInside(result, folder);
      loaded++;
    } catch (error) {
      assert.ok(error instanceof FerryError, `not a FerryError: ${String(error)}`);
      refused++;
    }
    assert.equal(descriptors(), before, 'descriptors are left open');
    assert.deepEqual(fs.readdirSync(folder.path, { recursive: true }).sort(), contents);
  });
  assert.ok(loaded > 0 && refused > 0, `${loaded} states were loaded, ${refused} refused`);
});

function saveEverything(folder: Folder): Saved[] {
  using world = everythingShared(folder, {});
  return world.save();
}
