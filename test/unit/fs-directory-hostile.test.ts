/** States of a shared directory that make no sense: each is refused with its reason, and nothing is left open or made. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { Place } from '../../src/devices/fs/directory/state/sections.ts';
import { FsRefusal, FsStateError } from '../../src/devices/fs/state/errors.ts';
import {
  descriptors,
  everythingShared,
  Folder,
  inodeAt,
  type LoadOptions,
  load,
  SharedWorld,
} from './fs-share-support.ts';
import { type Saved, withPayload } from './fs-state-support.ts';

const folder = new Folder();
after(() => folder[Symbol.dispose]());

/** Node ids by name. */
const nodes: Record<string, number> = {};
const good: readonly Saved[] = saveEverything();
const contents = fs.readdirSync(folder.path, { recursive: true }).sort();

function saveEverything(): Saved[] {
  using world = everythingShared(folder, nodes);
  return world.save();
}

type Change = (payload: Uint8Array, view: DataView) => Uint8Array | undefined;

function set32(at: number, value: number): Change {
  return (_payload, view) => {
    view.setUint32(at, value, true);
    return undefined;
  };
}

/** Change a field of an inode: of 4 bytes, the low half of longer ones. */
function setInode(name: string, field: number, value: number): Change {
  return (_payload, view) => {
    view.setUint32(inodeAt(view, nodes[name]!) + field, value, true);
    return undefined;
  };
}

/** Give an inode another name, or path. */
function rename(name: string, to: string | Uint8Array, place?: number): Change {
  return (payload, view) => {
    const at = inodeAt(view, nodes[name]!);
    if (place !== undefined) view.setUint32(at + 24, place, true);
    if (place === Place.path) view.setUint32(at + 28, 0, true);
    const length = at + 93 + view.getUint8(at + 92);
    const end = length + 4 + view.getUint32(length, true);
    const bytes = Buffer.from(to as string, 'latin1');
    const changed = Buffer.concat([payload.subarray(0, length + 4), bytes, payload.subarray(end)]);
    changed.writeUInt32LE(bytes.length, length);
    return new Uint8Array(changed);
  };
}

const twice: Change = (payload) => new Uint8Array(Buffer.concat([payload, payload]));
const short: Change = (payload) => payload.subarray(0, payload.length - 1);
const long: Change = (payload) => new Uint8Array([...payload, 0]);
const none: Change = (payload) => payload.subarray(0, 0);

const GENERATION = 8;
const PLACE = 24;
const PARENT = 28;
const MODE = 52;
const SIZE_HIGH = 64;
const MTIME_NANOS = 76;
const BTIME_NANOS = 88;

const mistakes: [string, string, Change, string][] = [
  ['announcements cut short', 'head', short, 'ERR_FS_STATE_LENGTH'],
  ['announcements with a byte too many', 'head', long, 'ERR_FS_STATE_LENGTH'],
  ['fewer inodes announced', 'head', set32(0, 3), 'ERR_FS_STATE_COUNT'],
  ['more inodes announced', 'head', set32(0, 100), 'ERR_FS_STATE_COUNT'],
  ['more handles announced', 'head', set32(8, 99), 'ERR_FS_STATE_COUNT'],
  ['more locks announced', 'head', set32(16, 99), 'ERR_FS_STATE_COUNT'],
  ['nodes that are yet to be numbered', 'head', set32(24, 3), 'ERR_FS_STATE_VALUE'],
  ['a second negotiation', 'negotiated', twice, 'ERR_FS_STATE_LENGTH'],
  ['a second root', 'inodes', twice, 'ERR_FS_STATE_COUNT'],
  ['a record cut in a field', 'inodes', short, 'ERR_FS_STATE_LENGTH'],
  ['a byte too many', 'inodes', long, 'ERR_FS_STATE_COUNT'],
  ['node 0', 'inodes', set32(0, 0), 'ERR_FS_STATE_VALUE'],
  ['a root that is not the first node', 'inodes', set32(0, 5), 'ERR_FS_STATE_VALUE'],
  ['a node twice', 'inodes', setInode('file', 0, 2), 'ERR_FS_STATE_DUPLICATE'],
  ['a node number beyond 2^53', 'inodes', setInode('file', 4, 2 ** 31), 'ERR_FS_STATE_VALUE'],
  ['a generation of the future', 'inodes', setInode('file', GENERATION, 99), 'ERR_FS_STATE_VALUE'],
  ['no place', 'inodes', setInode('file', PLACE, 0), 'ERR_FS_STATE_VALUE'],
  ['an unknown place', 'inodes', setInode('file', PLACE, 7), 'ERR_FS_STATE_VALUE'],
  ['a further root', 'inodes', setInode('file', PLACE, Place.root), 'ERR_FS_STATE_VALUE'],
  ['a root elsewhere', 'inodes', set32(PLACE, Place.child), 'ERR_FS_STATE_VALUE'],
  ['a directory that does not exist', 'inodes', setInode('file', PARENT, 999), 'ERR_FS_STATE_REFERENCE'],
  ['a directory that is a file', 'inodes', setInode('file', PARENT, 0), 'ERR_FS_STATE_REFERENCE'],
  ['a directory in itself', 'inodes', setInode('d', PARENT, 2), 'ERR_FS_STATE_REFERENCE'],
  ['directories in a circle', 'inodes', setInode('d', PARENT, 3), 'ERR_FS_STATE_REFERENCE'],
  ['a directory of what has a path', 'inodes', setInode('file', PLACE, Place.path), 'ERR_FS_STATE_VALUE'],
  ['a file in a directory that comes later', 'inodes', setInode('d', PARENT, 9), 'ERR_FS_STATE_REFERENCE'],
  ['no file type', 'inodes', setInode('file', MODE, 0o644), 'ERR_FS_STATE_VALUE'],
  ['two file types', 'inodes', setInode('file', MODE, 0o170644), 'ERR_FS_STATE_VALUE'],
  ['mode bits beyond the type', 'inodes', setInode('file', MODE, 0o1100644), 'ERR_FS_STATE_VALUE'],
  [
    'a second of more than 10^9 nanoseconds',
    'inodes',
    setInode('file', MTIME_NANOS, 1e9),
    'ERR_FS_STATE_VALUE',
  ],
  ['a birth in such a second', 'inodes', setInode('file', BTIME_NANOS, 1e9), 'ERR_FS_STATE_VALUE'],
  ['an endless name', 'inodes', rename('file', 'x'.repeat(4096)), 'ERR_FS_STATE_VALUE'],
  ['a name of 256 bytes', 'inodes', rename('file', 'x'.repeat(256)), 'ERR_FS_STATE_VALUE'],
  ['no name', 'inodes', rename('file', ''), 'ERR_FS_STATE_VALUE'],
  ['the name ..', 'inodes', rename('file', '..'), 'ERR_FS_STATE_VALUE'],
  ['the name .', 'inodes', rename('file', '.'), 'ERR_FS_STATE_VALUE'],
  ['a slash in a name', 'inodes', rename('file', 'd/file'), 'ERR_FS_STATE_VALUE'],
  ['a zero byte in a name', 'inodes', rename('file', 'a\0b'), 'ERR_FS_STATE_VALUE'],
  ['a path upwards', 'inodes', rename('file', '../../etc/passwd', Place.path), 'ERR_FS_STATE_VALUE'],
  ['a path upwards in its middle', 'inodes', rename('file', 'd/../../x', Place.path), 'ERR_FS_STATE_VALUE'],
  [
    'a path from the root of the host',
    'inodes',
    rename('file', '/etc/passwd', Place.path),
    'ERR_FS_STATE_VALUE',
  ],
  ['a path with an empty name', 'inodes', rename('file', 'd//file', Place.path), 'ERR_FS_STATE_VALUE'],
  ['a zero byte in a path', 'inodes', rename('file', 'd/fi\0le', Place.path), 'ERR_FS_STATE_VALUE'],
  [
    'a name of the root',
    'inodes',
    (payload, view) => {
      nodes.root = 1;
      return rename('root', 'name')(payload, view);
    },
    'ERR_FS_STATE_VALUE',
  ],
  ['a carried file that is none', 'carried', set32(0, 2), 'ERR_FS_STATE_REFERENCE'],
  ['a carried file twice', 'carried', twice, 'ERR_FS_STATE_REFERENCE'],
  ['carried files that do not come', 'carried', none, 'ERR_FS_STATE_REFERENCE'],
  ['more data than the file is long', 'carried', set32(36, 2 ** 20), 'ERR_FS_STATE_VALUE'],
  ['a carried file too long', 'inodes', setInode('deleted', SIZE_HIGH, 2 ** 20 + 1), 'ERR_FS_STATE_VALUE'],
  ['an access time of too many nanoseconds', 'carried', set32(24, 1e9), 'ERR_FS_STATE_VALUE'],
  ['a target of a regular file', 'carried', set32(40, 1), 'ERR_FS_STATE_VALUE'],
  ['more attributes announced', 'carried', set32(28, 2), 'ERR_FS_STATE_COUNT'],
  ['fewer attributes announced', 'carried', set32(28, 0), 'ERR_FS_STATE_COUNT'],
  ['an attribute of a file with a name', 'xattrs', set32(0, 2), 'ERR_FS_STATE_REFERENCE'],
  [
    'an endless value',
    'xattrs',
    (_payload, view) => {
      view.setUint32(9 + view.getUint8(8), 2 ** 31, true);
      return undefined;
    },
    'ERR_FS_STATE_VALUE',
  ],
  ['attributes that do not come', 'xattrs', none, 'ERR_FS_STATE_COUNT'],
  ['an attribute twice', 'xattrs', twice, 'ERR_FS_STATE_COUNT'],
  ['data of a file with a name', 'contents', set32(0, 2), 'ERR_FS_STATE_REFERENCE'],
  ['data beyond the end of the file', 'contents', set32(8, 2 ** 20), 'ERR_FS_STATE_COUNT'],
  ['data twice', 'contents', twice, 'ERR_FS_STATE_COUNT'],
  ['data that does not come', 'contents', none, 'ERR_FS_STATE_COUNT'],
  ['data cut short', 'contents', short, 'ERR_FS_STATE_LENGTH'],
  ['handle 0', 'handles', set32(0, 0), 'ERR_FS_STATE_VALUE'],
  ['a handle yet to be given', 'handles', set32(0, 999), 'ERR_FS_STATE_VALUE'],
  ['a handle twice', 'handles', set32(36, 1), 'ERR_FS_STATE_DUPLICATE'],
  ['a handle on nothing', 'handles', set32(8, 999), 'ERR_FS_STATE_REFERENCE'],
  ['a file handle on a directory', 'handles', set32(8, 1), 'ERR_FS_STATE_REFERENCE'],
  ['a handle of no kind', 'handles', set32(20, 3), 'ERR_FS_STATE_REFERENCE'],
  ['more owners than locks', 'handles', set32(32, 2 ** 31), 'ERR_FS_STATE_VALUE'],
  ['more handles than announced', 'handles', twice, 'ERR_FS_STATE_COUNT'],
  ['a listing of no directory', 'listings', set32(0, 1), 'ERR_FS_STATE_REFERENCE'],
  ['an endless listing', 'listings', set32(16, 2 ** 31), 'ERR_FS_STATE_COUNT'],
  ['a listing in disorder', 'listings', set32(16, 1), 'ERR_FS_STATE_COUNT'],
  [
    'names that are missing',
    'listings',
    (payload, view) => payload.subarray(0, 21 + view.getUint8(20)),
    'ERR_FS_STATE_COUNT',
  ],
  [
    'a slash in a listed name',
    'listings',
    (payload) => {
      payload[21] = 0x2f;
      return undefined;
    },
    'ERR_FS_STATE_VALUE',
  ],
  ['a listing twice', 'listings', twice, 'ERR_FS_STATE_COUNT'],
  ['a lock on nothing', 'locks', set32(0, 999), 'ERR_FS_STATE_REFERENCE'],
  ['a lock that unlocks', 'locks', set32(32, 2), 'ERR_FS_STATE_VALUE'],
  ['more locks than announced', 'locks', twice, 'ERR_FS_STATE_COUNT'],
];

/** Load a state that must be refused, and see that nothing comes of it. */
function refused(saved: readonly Saved[], check: (error: unknown) => void, options?: LoadOptions): void {
  const before = descriptors();
  assert.throws(
    () => load(saved, folder, options),
    (error: unknown) => {
      check(error);
      return true;
    },
  );
  assert.equal(descriptors(), before);
  assert.deepEqual(fs.readdirSync(folder.path, { recursive: true }).sort(), contents);
}

test('the state that the mistakes are made in is good', () => {
  load(good, folder)[Symbol.dispose]();
});

for (const [what, section, change, code] of mistakes)
  test(`refused: ${what} (${section})`, () => {
    for (const onMismatch of ['refuse', 'guest-error'] as const)
      refused(
        withPayload(good, section, change),
        (error) => {
          assert.ok(error instanceof FsStateError, String(error));
          assert.equal(error.code, code, error.message);
        },
        { onMismatch },
      );
  });

test('refused: more than this device takes', () => {
  for (const [at, what] of [
    [4, 'inodes'],
    [12, 'open handles'],
    [20, 'locks'],
  ] as const)
    refused(withPayload(good, 'head', set32(at, 1)), (error) => {
      assert.ok(error instanceof FsRefusal, String(error));
      assert.equal(error.code, 'ERR_FS_LIMIT');
      assert.match(error.message, new RegExp(what));
    });
});

test('refused: more open files than there are descriptors for', () => {
  using own = new Folder();
  using world = new SharedWorld(own);
  own.write('file');
  const file = world.lookup('file');
  for (let i = 0; i < 100; i++) world.open(file);
  const saved = world.save();
  const before = descriptors();
  assert.throws(() => load(saved, own, { descriptors: 0 }), {
    code: 'ERR_FS_LIMIT',
    message: /100 files and directories open.*raise its limit on open files/,
  });
  assert.equal(descriptors(), before);
});

test('refused: what was agreed on with the guest and this device does not have', () => {
  refused(withPayload(good, 'negotiated', set32(16, 0x80)), (error) => {
    assert.ok(error instanceof FsRefusal, String(error));
    assert.equal(error.code, 'ERR_FS_OPTION');
  });
});

test('refused: records out of order, twice, missing, or none', () => {
  const order = (saved: readonly Saved[]) =>
    refused(saved, (error) => assert.ok(error instanceof FsStateError, String(error)));
  order([]);
  order([good[0]!, ...good]);
  order([...good].reverse());
  order([...good.slice(0, -2), good.at(-1)!, good.at(-2)!]);
  for (const [i, { section }] of good.entries()) if (section !== 'listings') order(good.toSpliced(i, 1));
});

test('a listing that is missing is missed where positions mean nothing by themselves', () => {
  const without = good.filter(({ section }) => section !== 'listings');
  load(without, folder)[Symbol.dispose]();
  refused(without, (error) => assert.match(String(error), /"d" is not .* too many names to come along/), {
    identity: 'path',
  });
  using loaded = load(without, folder, { identity: 'path', onMismatch: 'guest-error' });
  assert.equal([...loaded.share.directories.values()][0]!.fd, -1);
});

test('a record that is cut anywhere is refused', () => {
  for (const { section, payload } of good)
    for (let length = section === 'listings' ? 1 : 0; length < payload.length; length += 1 + (length >> 5))
      refused(
        withPayload(good, section, (whole) => whole.subarray(0, length)),
        (error) => assert.ok(error instanceof FsStateError || error instanceof FsRefusal, String(error)),
      );
});

test('nothing is left in the folder for temporary files', () => {
  assert.deepEqual(
    fs.readdirSync(tmpdir()).filter((name) => name.startsWith('ferry-nameless-')),
    [],
  );
});
