import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FsRefusal, FsStateError } from '../../src/devices/fs/state/errors.ts';
import { FerryError } from '../../src/errors.ts';
import { liveResources } from '../../src/sys/index.ts';
import {
  everything,
  load,
  MEMORY,
  type Saved,
  save,
  snapshot,
  World,
  withPayload,
} from './fs-state-support.ts';

const INODE = 112;

function saveEverything(): Saved[] {
  using world = everything();
  return world.save();
}

const good: readonly Saved[] = saveEverything();

/** Where the inode numbered `ino` begins in the payload of the only `inodes` record. */
function inodeAt(view: DataView, ino: number): number {
  for (let at = 0; at < view.byteLength; ) {
    if (view.getUint32(at, true) === ino) return at;
    at += INODE + view.getUint32(at + 108, true);
  }
  throw new Error(`No inode ${ino}`);
}

/** Where the entry called `name` begins in the payload of the only `entries` record. */
function entryAt(view: DataView, name: string): number {
  for (let at = 0; at < view.byteLength; ) {
    const length = view.getUint8(at + 24);
    if (Buffer.from(view.buffer, at + 25, length).toString('latin1') === name) return at;
    at += 25 + length;
  }
  throw new Error(`No entry ${name}`);
}

type Change = (payload: Uint8Array, view: DataView) => Uint8Array | undefined;

function set32(at: number, value: number): Change {
  return (_payload, view) => {
    view.setUint32(at, value, true);
    return undefined;
  };
}

/** Change a field of inode `ino`: of 4 bytes, the low half of longer ones. */
function setInode(ino: number, field: number, value: number): Change {
  return (_payload, view) => {
    view.setUint32(inodeAt(view, ino) + field, value, true);
    return undefined;
  };
}

function setEntry(name: string, field: number, value: number): Change {
  return (_payload, view) => {
    view.setUint32(entryAt(view, name) + field, value, true);
    return undefined;
  };
}

const twice: Change = (payload) => new Uint8Array(Buffer.concat([payload, payload]));
const short: Change = (payload) => payload.subarray(0, payload.length - 1);
const long: Change = (payload) => new Uint8Array([...payload, 0]);

// Inode numbers are those that `everything` hands out in order: 2 home, 3 file, 4 sparse, 5 big, 6 link, 7 pipe.
const mistakes: [string, string, Change, string][] = [
  ['a second root', 'inodes', twice, 'ERR_FS_STATE_DUPLICATE'],
  ['a record cut in a field', 'inodes', short, 'ERR_FS_STATE_LENGTH'],
  ['a byte too many', 'inodes', long, 'ERR_FS_STATE_LENGTH'],
  ['inode 0', 'inodes', set32(0, 0), 'ERR_FS_STATE_VALUE'],
  ['an inode number that is yet to be given', 'inodes', set32(0, 1_000_000), 'ERR_FS_STATE_VALUE'],
  ['a number beyond 2^53', 'inodes', set32(4, 2 ** 31), 'ERR_FS_STATE_VALUE'],
  ['inodes that are yet to be numbered', 'totals', set32(56, 3), 'ERR_FS_STATE_VALUE'],
  ['a generation of the future', 'inodes', setInode(3, 8, 99), 'ERR_FS_STATE_VALUE'],
  ['no file type', 'inodes', setInode(3, 16, 0o644), 'ERR_FS_STATE_VALUE'],
  ['two file types', 'inodes', setInode(3, 16, 0o170644), 'ERR_FS_STATE_VALUE'],
  ['mode bits beyond the type', 'inodes', setInode(3, 16, 0o1100644), 'ERR_FS_STATE_VALUE'],
  ['a link count too high', 'inodes', setInode(3, 32, 3), 'ERR_FS_STATE_COUNT'],
  ['a link count too low', 'inodes', setInode(3, 32, 1), 'ERR_FS_STATE_COUNT'],
  ['a directory with too many links', 'inodes', setInode(2, 32, 3), 'ERR_FS_STATE_COUNT'],
  ['a second of more than 10^9 nanoseconds', 'inodes', setInode(3, 52, 1e9), 'ERR_FS_STATE_VALUE'],
  ['a file too long', 'inodes', setInode(3, 96, 2 ** 21 - 1), 'ERR_FS_STATE_VALUE'],
  ['a next cookie of 0', 'inodes', setInode(2, 92, 0), 'ERR_FS_STATE_VALUE'],
  ['a size of a pipe', 'inodes', setInode(7, 92, 1), 'ERR_FS_STATE_VALUE'],
  ['a parent of a file', 'inodes', setInode(3, 100, 1), 'ERR_FS_STATE_VALUE'],
  ['a target of a file', 'inodes', setInode(5, 108, 1), 'ERR_FS_STATE_VALUE'],
  ['a link without a target', 'inodes', setInode(6, 108, 0), 'ERR_FS_STATE_VALUE'],
  ['a link with an endless target', 'inodes', setInode(6, 108, 2 ** 31), 'ERR_FS_STATE_VALUE'],
  ['a zero byte in a target', 'inodes', setInode(6, 112, 0), 'ERR_FS_STATE_VALUE'],
  ['names announced but missing', 'entries', (payload) => payload.subarray(0, 0), 'ERR_FS_STATE_COUNT'],
  ['a name twice', 'entries', twice, 'ERR_FS_STATE_COUNT'],
  ['a name in no directory', 'entries', setEntry('file', 0, 999), 'ERR_FS_STATE_REFERENCE'],
  ['a name in a file', 'entries', setEntry('file', 0, 5), 'ERR_FS_STATE_REFERENCE'],
  ['a name in a removed directory', 'entries', setEntry('file', 0, 15), 'ERR_FS_STATE_REFERENCE'],
  ['a name of nothing', 'entries', setEntry('file', 16, 999), 'ERR_FS_STATE_REFERENCE'],
  ['a cookie of the future', 'entries', setEntry('file', 8, 999), 'ERR_FS_STATE_VALUE'],
  ['the cookie of `..`', 'entries', setEntry('file', 8, 2), 'ERR_FS_STATE_VALUE'],
  ['cookies in disorder', 'entries', setEntry('sparse', 8, 3), 'ERR_FS_STATE_VALUE'],
  ['a slash in a name', 'entries', setEntry('file', 25, 0x2f656c69), 'ERR_FS_STATE_VALUE'],
  ['a zero byte in a name', 'entries', setEntry('file', 25, 0x00656c69), 'ERR_FS_STATE_VALUE'],
  ['a directory under a second name', 'entries', setEntry('file', 16, 2), 'ERR_FS_STATE_TREE'],
  ['the root under a name', 'entries', setEntry('file', 16, 1), 'ERR_FS_STATE_TREE'],
  ['an attribute of nothing', 'xattrs', set32(0, 999), 'ERR_FS_STATE_REFERENCE'],
  ['an attribute twice', 'xattrs', twice, 'ERR_FS_STATE_COUNT'],
  ['an endless value', 'xattrs', set32(20, 2 ** 31), 'ERR_FS_STATE_VALUE'],
  ['more runs than bytes', 'contents', set32(0, 2 ** 31), 'ERR_FS_STATE_LENGTH'],
  ['a reserved field in use', 'contents', set32(4, 1), 'ERR_FS_STATE_VALUE'],
  ['contents of nothing', 'contents', set32(8, 999), 'ERR_FS_STATE_REFERENCE'],
  ['contents of a directory', 'contents', set32(8, 2), 'ERR_FS_STATE_REFERENCE'],
  ['more data than pages', 'contents', set32(24, 2), 'ERR_FS_STATE_VALUE'],
  ['no pages', 'contents', set32(24, 0), 'ERR_FS_STATE_VALUE'],
  ['data beyond the end of the file', 'contents', set32(16, 2), 'ERR_FS_STATE_VALUE'],
  ['data that is not there', 'contents', short, 'ERR_FS_STATE_LENGTH'],
  ['data of no run', 'contents', long, 'ERR_FS_STATE_LENGTH'],
  ['a run twice', 'contents', set32(8 + 24, 3), 'ERR_FS_STATE_VALUE'],
  ['handle 0', 'handles', set32(0, 0), 'ERR_FS_STATE_VALUE'],
  ['a handle yet to be given', 'handles', set32(0, 999), 'ERR_FS_STATE_VALUE'],
  ['a handle twice', 'handles', set32(36, 1), 'ERR_FS_STATE_DUPLICATE'],
  ['a handle on nothing', 'handles', set32(8, 999), 'ERR_FS_STATE_REFERENCE'],
  ['a file handle on a directory', 'handles', set32(8, 1), 'ERR_FS_STATE_REFERENCE'],
  ['a handle of no kind', 'handles', set32(20, 3), 'ERR_FS_STATE_REFERENCE'],
  ['more owners than locks', 'handles', set32(32, 2 ** 31), 'ERR_FS_STATE_VALUE'],
  ['owners that are not there', 'handles', set32(32, 1000), 'ERR_FS_STATE_LENGTH'],
  ['more handles than announced', 'handles', twice, 'ERR_FS_STATE_COUNT'],
  ['a lock on nothing', 'locks', set32(0, 999), 'ERR_FS_STATE_REFERENCE'],
  ['a lock that unlocks', 'locks', set32(32, 2), 'ERR_FS_STATE_VALUE'],
  ['a lock of no kind', 'locks', set32(40, 0), 'ERR_FS_STATE_VALUE'],
  ['a lock on a negative range', 'locks', set32(20, 1), 'ERR_FS_STATE_VALUE'],
  ['more locks than announced', 'locks', twice, 'ERR_FS_STATE_COUNT'],
  ['a second negotiation', 'negotiated', twice, 'ERR_FS_STATE_LENGTH'],
  ['totals cut short', 'totals', short, 'ERR_FS_STATE_LENGTH'],
  ['totals with a byte too many', 'totals', long, 'ERR_FS_STATE_LENGTH'],
  ['fewer inodes announced', 'totals', set32(16, 3), 'ERR_FS_STATE_COUNT'],
  ['more inodes announced', 'totals', set32(16, 100), 'ERR_FS_STATE_COUNT'],
  ['more pages announced', 'totals', set32(8, 1000), 'ERR_FS_STATE_COUNT'],
  ['fewer names announced', 'totals', set32(24, 3), 'ERR_FS_STATE_COUNT'],
  ['more attributes announced', 'totals', set32(32, 99), 'ERR_FS_STATE_COUNT'],
  ['more handles announced', 'totals', set32(40, 99), 'ERR_FS_STATE_COUNT'],
  ['more locks announced', 'totals', set32(48, 99), 'ERR_FS_STATE_COUNT'],
];

for (const [what, section, change, code] of mistakes)
  test(`refused: ${what} (${section})`, () => {
    const held = liveResources().length;
    assert.throws(
      () => load(withPayload(good, section, change)),
      (error: unknown) => {
        assert.ok(error instanceof FsStateError, String(error));
        assert.equal(error.code, code, error.message);
        assert.ok(error.field.startsWith(section) || section === 'totals', error.message);
        return true;
      },
    );
    assert.equal(liveResources().length, held);
  });

test('refused: locks that conflict, and locks of one owner that would be one', () => {
  using world = new World();
  const file = world.file(world.fileSystem.root, 'file');
  world.locks.setRecord(file.ino, { owner: 1n, start: 0n, end: 9n, type: 1, pid: 1 });
  world.locks.setRecord(file.ino, { owner: 2n, start: 20n, end: 29n, type: 1, pid: 1 });
  const good = world.save();
  load(good)[Symbol.dispose]();
  const overlapping = withPayload(good, 'locks', set32(48 + 16, 5));
  assert.throws(() => load(overlapping), { code: 'ERR_FS_STATE_VALUE' });
  const touching = withPayload(good, 'locks', (_payload, view) => {
    view.setUint32(48 + 8, 1, true);
    view.setUint32(48 + 16, 10, true);
    return undefined;
  });
  assert.throws(() => load(touching), { code: 'ERR_FS_STATE_VALUE' });
});

test('refused: a run that overlaps another, and two names for one place', () => {
  using world = new World();
  const { root } = world.fileSystem;
  world.file(root, 'one', new Uint8Array(4096).fill(1));
  world.file(root, 'two', new Uint8Array(4096).fill(2));
  const good = world.save();
  assert.throws(() => load(withPayload(good, 'contents', set32(8 + 24, 2))), {
    code: 'ERR_FS_STATE_DUPLICATE',
  });
  const same = withPayload(good, 'entries', (payload, view) => {
    payload.set(Buffer.from('one'), entryAt(view, 'two') + 25);
    return undefined;
  });
  assert.throws(() => load(same), { code: 'ERR_FS_STATE_DUPLICATE' });
});

test('refused: directories in a circle', () => {
  using world = new World();
  const { root } = world.fileSystem;
  const a = world.directory(root, 'a');
  const b = world.directory(a, 'b');
  world.directory(b, 'c');
  // Now `a` is in `c`: every count is right, and the root has lost sight of them.
  const circle = withPayload(world.save(), 'entries', (_payload, view) => {
    view.setUint32(entryAt(view, 'a'), 4, true);
    return undefined;
  });
  const counted = withPayload(circle, 'inodes', (_payload, view) => {
    view.setUint32(inodeAt(view, 1) + 32, 2, true);
    view.setUint32(inodeAt(view, 4) + 32, 3, true);
    view.setUint32(inodeAt(view, 4) + 92, 4, true);
    return undefined;
  });
  assert.throws(() => load(counted), { code: 'ERR_FS_STATE_TREE' });
});

test('refused: a directory that is in itself', () => {
  using world = new World();
  world.directory(world.fileSystem.root, 'a');
  const loop = withPayload(world.save(), 'entries', setEntry('a', 0, 2));
  const counted = withPayload(loop, 'inodes', (_payload, view) => {
    view.setUint32(inodeAt(view, 1) + 32, 2, true);
    view.setUint32(inodeAt(view, 2) + 32, 3, true);
    view.setUint32(inodeAt(view, 2) + 92, 4, true);
    return undefined;
  });
  assert.throws(() => load(counted), { code: 'ERR_FS_STATE_TREE' });
});

test('refused: an inode that nothing refers to', () => {
  using world = new World();
  const file = world.file(world.fileSystem.root, 'file');
  file.lookups = 1;
  world.remove(world.fileSystem.root, 'file');
  const good = world.save();
  load(good)[Symbol.dispose]();
  assert.throws(() => load(withPayload(good, 'inodes', setInode(file.ino, 36, 0))), {
    code: 'ERR_FS_STATE_REFERENCE',
  });
});

test('refused: records out of order, twice, missing, or none', () => {
  assert.throws(() => load([]), { code: 'ERR_FS_STATE_ORDER' });
  assert.throws(() => load(good.slice(1)), { code: 'ERR_FS_STATE_ORDER' });
  assert.throws(() => load([good[0]!, ...good]), { code: 'ERR_FS_STATE_ORDER' });
  assert.throws(() => load([...good].reverse()), { code: 'ERR_FS_STATE_ORDER' });
  assert.throws(() => load([...good.slice(0, -2), good.at(-1)!, good.at(-2)!]), {
    code: 'ERR_FS_STATE_ORDER',
  });
  const negotiated = good.findIndex(({ section }) => section === 'negotiated');
  assert.throws(() => load(good.toSpliced(negotiated, 0, good[negotiated]!)), {
    code: 'ERR_FS_STATE_DUPLICATE',
  });
  for (let i = 0; i < good.length; i++)
    assert.throws(
      () => load(good.toSpliced(i, 1)),
      (error) => error instanceof FsStateError,
    );
});

test('refused: what belongs to a session that was never opened', () => {
  const without = (section: string) => good.filter((record) => record.section !== section);
  assert.throws(() => load(without('negotiated')), {
    code: 'ERR_FS_STATE_REFERENCE',
    message: /negotiated.*no such record/,
  });
  for (const belonging of ['handles', 'locks', 'lookups'] as const) {
    using world = new World();
    const file = world.file(world.fileSystem.root, 'file');
    if (belonging === 'handles') world.fileSystem.openFile(file, 0);
    if (belonging === 'locks') world.locks.setFile(file.ino, { owner: 1n, type: 1 });
    if (belonging === 'lookups') file.lookups = 1;
    world.fileSystem.session = undefined;
    assert.throws(() => load(world.save()), { code: 'ERR_FS_STATE_REFERENCE' }, belonging);
  }
});

test('a device with less memory refuses and names both sizes', () => {
  assert.throws(
    () => load(good, { memory: MEMORY - 4096 }),
    (error: unknown) => {
      assert.ok(error instanceof FsRefusal);
      assert.equal(error.code, 'ERR_FS_MEMORY');
      assert.match(error.message, new RegExp(`${MEMORY}.*${MEMORY - 4096}`));
      return true;
    },
  );
  load(good, { memory: 2 * MEMORY })[Symbol.dispose]();
});

test('a device that takes fewer files, or less of what was negotiated, refuses by name', () => {
  assert.throws(() => load(good, { limits: { inodes: 10, xattrBytes: 4096 } }), { code: 'ERR_FS_LIMIT' });
  const can = { oldestMinor: 31, minor: 45, flags: 0x1_0000_0403n, maxWrite: 2 ** 20, names: {} };
  assert.throws(() => load(good, { init: { ...can, minor: 39 } }), { code: 'ERR_FS_OPTION' });
  assert.throws(() => load(good, { init: { ...can, oldestMinor: 41 } }), { code: 'ERR_FS_OPTION' });
  assert.throws(() => load(good, { init: { ...can, maxWrite: 4096 } }), { code: 'ERR_FS_OPTION' });
  const names = { posixLocks: 2n, flockLocks: 1n << 10n };
  assert.throws(() => load(good, { init: { ...can, flags: 1n, names } }), {
    code: 'ERR_FS_OPTION',
    message: /: posixLocks, flockLocks, 0x100000000$/,
  });
});

test('huge announcements are refused before anything is allocated for them', () => {
  const held = liveResources().length;
  for (const field of [16, 24, 32, 40, 48])
    assert.throws(() => load(withPayload(good, 'totals', set32(field + 4, 2 ** 20))), {
      code: 'ERR_FS_LIMIT',
    });
  assert.equal(liveResources().length, held);
});

const seconds = Number(process.env.FERRY_FUZZ_SECONDS ?? 3);

test('mangled records are refused by name, or mean a file system that can be saved', () => {
  const held = liveResources().length;
  const damage = fc.record({
    record: fc.nat(good.length - 1),
    at: fc.nat(),
    kind: fc.constantFrom('byte', 'word', 'cut', 'copy'),
    value: fc.oneof(fc.nat(40), fc.integer({ min: 0, max: 0xffffffff })),
  });
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (damages) => {
      const records = good.map((record) => ({ ...record, payload: record.payload.slice() }));
      for (const { record, at, kind, value } of damages) {
        const hit = records[record]!;
        // Most of a record of contents is data, where damage goes unnoticed: aim at its runs.
        const { payload } = hit;
        const place = at % Math.max(1, Math.min(payload.length, 4096));
        if (kind === 'byte') payload[place] = value;
        else if (kind === 'cut') hit.payload = payload.slice(0, place);
        else if (kind === 'copy') payload.copyWithin(place, value % Math.max(1, payload.length), place + 24);
        else if (place + 4 <= payload.length) new DataView(payload.buffer).setUint32(place & ~3, value, true);
      }
      let loaded: ReturnType<typeof load>;
      try {
        loaded = load(records);
      } catch (error) {
        assert.ok(error instanceof FerryError, String(error));
        assert.equal(liveResources().length, held);
        return;
      }
      using state = loaded;
      using again = load(save(state));
      assert.deepEqual(snapshot(again), snapshot(state));
    }),
    {
      interruptAfterTimeLimit: seconds * 1000,
      numRuns: 1_000_000,
      markInterruptAsFailure: false,
      verbose: 1,
    },
  );
});
