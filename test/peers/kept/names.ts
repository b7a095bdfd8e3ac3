/** What a file system says about files that nobody has open, and files that are no files. */
import assert from 'node:assert/strict';
import type { GuestStat } from '../../../src/launch/index.ts';
import { hex, type Keep, O_RDWR } from './workplace.ts';

const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFSOCK = 0o140000;

export const names: Record<string, Keep> = {
  async 'modes, owners, times and sizes'(place) {
    const { agent } = place;
    await place.mkdir('attributes');
    await (await place.open('attributes/file')).write('12345');
    await agent.call('chown', [place.path('attributes/file'), 4_000_000_000, 70_000]);
    await agent.call('chmod', [place.path('attributes/file'), 0o6751]);
    await agent.call('utimens', [place.path('attributes/file'), -1, 999_999_999, 4_294_967_296, 1]);
    await agent.call('chmod', [place.path('attributes'), 0o1777]);
    await agent.call('symlink', ['file', place.path('attributes/symbolic')]);
    const look = () => Promise.all(['attributes', 'attributes/file', 'attributes/symbolic'].map(quiet));
    // Reading must not count as a change
    const quiet = async (name: string): Promise<Omit<GuestStat, 'atime'>> => {
      const { atime: _, ...stat } = await place.lstat(name);
      return stat;
    };
    let before = await look();
    return async (move) => {
      assert.deepEqual(await look(), before);
      const [, file] = before;
      assert.deepEqual(
        [file?.uid, file?.gid, file && file.mode & 0o7777, file?.mtime],
        [4_000_000_000, 70_000, 0o6751, '4294967296.000000001'],
      );
      const { target } = await agent.call('readlink', [place.path('attributes/symbolic')]);
      assert.equal(target, 'file');
      await place.mkdir(`attributes/${move}`);
      await agent.call('utimens', [place.path('attributes'), move, 2, move, 3]);
      before = await look();
    };
  },

  async 'extended attributes'(place) {
    const { agent } = place;
    const values: Record<string, string> = {
      'user.short': hex('value'),
      'user.empty': '',
      'user.long': hex('x'.repeat(2000)),
      'trusted.root': '00ff00',
    };
    await place.open('with attributes');
    await place.mkdir('folder with attributes');
    const paths = [place.path('with attributes'), place.path('folder with attributes')];
    const set = async (name: string, value: string) => {
      values[name] = value;
      for (const path of paths) await agent.call('setxattr', [path, name, value]);
    };
    for (const [name, value] of Object.entries(values)) await set(name, value);
    return async (move) => {
      for (const path of paths) {
        const { names } = await agent.call('listxattr', [path]);
        assert.deepEqual(names.sort(), Object.keys(values).sort());
        for (const [name, value] of Object.entries(values)) {
          const { data } = await agent.call('getxattr', [path, name]);
          assert.equal(data.toString('hex'), value);
        }
      }
      await set(`user.move${move}`, hex(`at ${move}`));
      await set('user.short', hex(`changed at ${move}`));
      if (move > 1) {
        for (const path of paths) await agent.call('removexattr', [path, `user.move${move - 1}`]);
        delete values[`user.move${move - 1}`];
      }
    };
  },

  async 'fifos, device nodes and sockets'(place) {
    const { agent } = place;
    const nodes = {
      fifo: [S_IFIFO | 0o600],
      zero: [S_IFCHR | 0o644, 1, 5],
      block: [S_IFBLK | 0o660, 259, 70_000],
      socket: [S_IFSOCK | 0o755],
    } as const;
    for (const [name, [mode, major = 0, minor = 0]] of Object.entries(nodes)) {
      await agent.call('mknod', [place.path(name), mode, major, minor]);
    }
    const fifo = await place.open('fifo', O_RDWR);
    await fifo.write('under way 1');
    const zero = await place.open('zero', O_RDWR);
    return async (move) => {
      for (const [name, [mode, major = 0, minor = 0]] of Object.entries(nodes)) {
        const stat = await place.lstat(name);
        assert.deepEqual([stat.mode, stat.major, stat.minor], [mode, major, minor], name);
      }
      assert.equal(await fifo.read(100), `under way ${move}`);
      await fifo.write(`under way ${move + 1}`);
      assert.equal(await zero.read(3), '\0\0\0');
      const again = await place.open('zero', O_RDWR);
      assert.equal(await again.read(2), '\0\0');
      await again.close();
    };
  },
};
