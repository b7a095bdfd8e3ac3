/** Directories that a guest is in the middle of while it moves. */
import assert from 'node:assert/strict';
import type { GuestEntry, Handle } from '../../../src/launch/index.ts';
import { type Keep, O_CREAT, O_RDWR, type Workplace } from './workplace.ts';

export const directories: Record<string, Keep> = {
  async 'positions in a directory'(place) {
    const { agent } = place;
    const count = 400;
    await place.mkdir('listed');
    const first = place.handles(count);
    await agent.call('openmany', [first, count, place.path('listed/'), O_RDWR | O_CREAT]);
    await agent.call('closemany', [first, count]);
    // Positions must not follow from the number of names
    await place.sh(`cd ${place.path('listed')} && rm ?3 ??3`);
    const names = Array.from({ length: count }, (_, i) => String(i)).filter((name) => !/^.+3$/.test(name));

    const going = place.handles();
    await agent.call('opendir', [going, place.path('listed')]);
    const before: GuestEntry[] = [];
    while (before.length < count / 3) before.push(...(await agent.call('readdir', [going, 600])).entries);
    // What the last entry says, the descriptor says, and a second descriptor can go there too
    const { offset } = await agent.call('telldir', [going]);
    assert.equal(offset, before.at(-1)!.offset);
    const sought = place.handles();
    await agent.call('opendir', [sought, place.path('listed')]);
    await agent.call('seekdir', [sought, before.at(-10)!.offset]);

    return async (move) => {
      assert.equal((await agent.call('telldir', [going])).offset, offset);
      // Names that have been read already may go: those to come stay where they are
      await agent.call('unlink', [`${place.path('listed')}/${namesOf(before)[move]}`]);
      const rest = namesOf(await readOn(place, going));
      assert.deepEqual(
        [...namesOf(before), ...rest].sort((a, b) => Number(a) - Number(b)),
        names,
      );
      assert.deepEqual(namesOf(await readOn(place, sought)), [...namesOf(before.slice(-9)), ...rest]);
      await agent.call('seekdir', [going, offset]);
      assert.deepEqual(namesOf(await readOn(place, going)), rest);
      await agent.call('seekdir', [going, offset]);
      await agent.call('seekdir', [sought, before.at(-10)!.offset]);
    };
  },

  async 'a deleted directory that is open'(place) {
    const { agent } = place;
    const handle = place.handles();
    await place.mkdir('parent');
    await place.mkdir('parent/deleted');
    await agent.call('opendir', [handle, place.path('parent/deleted')]);
    await agent.call('rmdir', [place.path('parent/deleted')]);
    // What has no name any more is made anew for a shared directory, maybe in another file system, which has its own idea of
    // how large a directory is; and nobody can set when an inode was changed last
    const look = async () => {
      const { ino, mode, nlink, uid, gid, mtime } = await agent.call('fstat', [handle]);
      return { ino, mode, nlink, uid, gid, mtime };
    };
    const before = await look();
    assert.equal(before.nlink, 0);
    return async () => {
      assert.deepEqual(await look(), before);
      await assert.rejects(agent.call('readdir', [handle]), { errnoName: 'ENOENT' });
      await place.mkdir('parent/deleted');
      assert.notEqual((await place.lstat('parent/deleted')).ino, before.ino);
      await agent.call('rmdir', [place.path('parent/deleted')]);
    };
  },
};

async function readOn(place: Workplace, handle: Handle): Promise<GuestEntry[]> {
  const all: GuestEntry[] = [];
  for (;;) {
    const { entries } = await place.agent.call('readdir', [handle, 3000]);
    if (entries.length === 0) return all;
    all.push(...entries);
  }
}

function namesOf(entries: readonly GuestEntry[]): string[] {
  return entries.map(({ name }) => name).filter((name) => name !== '.' && name !== '..');
}
