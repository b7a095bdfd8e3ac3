/** Files that a guest has open, by whatever name or none, while it moves. */
import assert from 'node:assert/strict';
import {
  hex,
  type Keep,
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  type OpenFile,
} from './workplace.ts';

const PIECE = 1 << 20;
const O_PATH = 0o10000000;
const O_TMPFILE = 0o20200000;
/** More than any guest here makes. */
const MOST_MOVES = 8;
const RENAME_EXCHANGE = 2;

export const files: Record<string, Keep> = {
  async 'offsets of open files'(place) {
    const reading = await place.open('numbers');
    const numbers = Array.from({ length: 250 }, (_, i) => String(i).padStart(4, '0'));
    await reading.writeAt(0, numbers.join(''));
    assert.equal(await reading.read(4), '0000');
    const writing = await place.open('log', O_WRONLY | O_CREAT);
    let log = 'line 0\n';
    await writing.write(log);
    return async (move) => {
      assert.equal(await reading.read(4), numbers[move]);
      await writing.write(`line ${move}\n`);
      log += `line ${move}\n`;
      assert.equal(await place.text('log'), log);
    };
  },

  async O_APPEND(place) {
    const appending = await place.open('appended', O_RDWR | O_CREAT | O_APPEND);
    const other = await place.open('appended', O_RDWR, 2);
    let expected = 'first\n';
    await appending.write(expected);
    return async (move) => {
      const { flags } = await place.agent.call('getflags', [appending.handle]);
      assert.equal(flags & O_APPEND, O_APPEND);
      await other.writeAt(expected.length, `other ${move}\n`);
      await place.agent.call('lseek', [appending.handle, 0, 0]);
      await appending.write(`own ${move}\n`);
      expected += `other ${move}\nown ${move}\n`;
      assert.equal(await other.textAt(0, 1000), expected);
    };
  },

  async 'a deleted file that is open'(place) {
    const file = await place.open('deleted');
    await file.fill(PIECE, 11);
    await place.agent.call('unlink', [place.path('deleted')]);
    const { ino } = await file.stat();
    return async (move) => {
      const stat = await file.stat();
      assert.deepEqual([stat.ino, stat.nlink, stat.size], [ino, 0, PIECE + 100 * (move - 1)]);
      await file.isFilled(PIECE, 11);
      if (move > 1) assert.equal(await file.textAt(stat.size - 100, 1), String(move - 1));
      await file.writeAt(stat.size, String(move).repeat(100));
      await assert.rejects(place.lstat('deleted'), { errnoName: 'ENOENT' });
      const another = await place.open('deleted', O_CREAT | O_EXCL | O_RDWR);
      assert.notEqual((await another.stat()).ino, ino);
      await place.agent.call('unlink', [place.path('deleted')]);
      await another.close();
    };
  },

  async 'deleted files that nobody has open, and the guest still refers to'(place) {
    const references: OpenFile[] = [];
    for (let move = 1; move <= MOST_MOVES; move++) {
      const file = await place.open(`referred to ${move}`);
      await file.writeAt(0, 'x'.repeat(move));
      await file.close();
      references[move] = await place.open(`referred to ${move}`, O_PATH);
      // What it knew of the file is not valid from here on
      await place.agent.call('unlink', [place.path(`referred to ${move}`)]);
    }
    return async (move) => {
      const { size, nlink } = await references[move]!.stat();
      assert.deepEqual([size, nlink], [move, 0]);
    };
  },

  async 'a file that never had a name'(place) {
    const file = await place.open('.', O_TMPFILE | O_RDWR);
    await file.fill(PIECE, 12);
    return async (move) => {
      assert.equal((await file.stat()).nlink, move - 1);
      await place.agent.call('linkhandle', [file.handle, place.path(`named ${move}`)]);
      const named = await place.open(`named ${move}`, O_RDONLY);
      await named.isFilled(PIECE, 12);
      await named.close();
    };
  },

  async 'renamed files and folders'(place) {
    const { agent } = place;
    await place.mkdir('from');
    await place.mkdir('to');
    const file = await place.open('from/file');
    await file.write('renamed');
    await agent.call('rename', [place.path('from/file'), place.path('to/file 0')]);
    for (const name of ['left', 'right']) await (await place.open(`to/${name}`)).write(name);
    await agent.call('rename', [place.path('to/left'), place.path('to/right'), RENAME_EXCHANGE]);
    let folder = 'to';
    return async (move) => {
      await assert.rejects(place.lstat('from/file'), { errnoName: 'ENOENT' });
      assert.equal((await file.stat()).ino, (await place.lstat(`${folder}/file ${move - 1}`)).ino);
      const [left, right] = move % 2 === 1 ? ['right', 'left'] : ['left', 'right'];
      assert.equal(await place.text(`${folder}/left`), left);
      assert.equal(await place.text(`${folder}/right`), right);
      await agent.call('rename', [
        place.path(`${folder}/left`),
        place.path(`${folder}/right`),
        RENAME_EXCHANGE,
      ]);
      await agent.call('rename', [
        place.path(`${folder}/file ${move - 1}`),
        place.path(`${folder}/file ${move}`),
      ]);
      await agent.call('rename', [place.path(folder), place.path(`to ${move}`)]);
      folder = `to ${move}`;
      assert.equal(await place.text(`${folder}/file ${move}`), 'renamed');
    };
  },

  async 'hard links'(place) {
    const { agent } = place;
    const file = await place.open('link 0');
    await agent.call('link', [place.path('link 0'), place.path('link 1')]);
    await agent.call('unlink', [place.path('link 0')]);
    return async (move) => {
      const stat = await file.stat();
      assert.equal(stat.nlink, move);
      assert.deepEqual(await place.lstat('link 1'), stat);
      await file.writeAt(0, `written at ${move}`);
      assert.equal(await place.text('link 1'), `written at ${move}`);
      await agent.call('link', [place.path('link 1'), place.path(`link ${move + 1}`)]);
    };
  },

  async 'pages written through mappings'(place) {
    const { agent } = place;
    const named = await place.open('mapped');
    const deleted = await place.open('mapped and deleted');
    await agent.call('unlink', [place.path('mapped and deleted')]);
    const write = async (move: number) => {
      for (const { handle } of [named, deleted]) {
        await agent.call('mapwrite', [handle, 10_000 * move + 5, hex(`dirty ${move}`), 'keep']);
      }
    };
    for (const { handle } of [named, deleted]) await agent.call('ftruncate', [handle, 65_536]);
    await write(1);
    return async (move) => {
      for (const file of [named, deleted]) {
        assert.equal(await file.textAt(10_000 * move + 5, 7), `dirty ${move}`);
        await agent.call('fsync', [file.handle]);
      }
      await place.forgetCaches();
      for (const file of [named, deleted]) {
        assert.equal(await file.textAt(10_000 * move + 4, 9), `\0dirty ${move}\0`);
      }
      await write(move + 1);
    };
  },

  async 'holes and reserved room'(place) {
    const { agent } = place;
    const file = await place.open('sparse');
    for (const offset of [0, 1 << 20, 5 << 20]) await file.writeAt(offset, 'data');
    await agent.call('fallocate', [file.handle, 1, 8 << 20, 1 << 20]);
    const look = async () => ({
      ...(await agent.call('extents', [file.handle])),
      blocks: (await file.stat()).blocks,
      size: (await file.stat()).size,
    });
    let before = await look();
    return async (move) => {
      assert.deepEqual(await look(), before);
      await file.writeAt((10 << 20) * move, 'more');
      before = await look();
    };
  },

  async 'five hundred open files'(place) {
    const { agent } = place;
    const count = 500;
    await place.mkdir('many');
    const first = place.handles(count);
    await agent.call('openmany', [first, count, place.path('many/'), O_RDWR | O_CREAT]);
    await place.sh(`cd ${place.path('many')} && rm -f *[13579]`);
    return async (move) => {
      for (let i = move; i < count; i += 49) {
        const { nlink, size } = await agent.call('fstat', [first + i]);
        assert.deepEqual([nlink, size], [i % 2 === 0 ? 1 : 0, 0]);
        await agent.call('pwrite', [first + i, 0, '00']);
        await agent.call('ftruncate', [first + i, 0]);
      }
    };
  },
};
