import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../src/errors.ts';
import * as fuse from '../../src/fuse/index.ts';

/** Sizes and places in Linux's own header, linux/fuse.h, as its C compiler sees them. */
const layouts: readonly [{ name: string; size: number; offsets: object }, number, Record<string, number>][] =
  [
    [fuse.InHeader, 40, { length: 0, opcode: 4, unique: 8, node: 16, uid: 24, gid: 28, extensions: 36 }],
    [fuse.OutHeader, 16, { length: 0, error: 4, unique: 8 }],
    [
      fuse.Attributes,
      88,
      { size: 8, atime: 24, atimeNanos: 48, mode: 60, nlink: 64, rdev: 76, attributeFlags: 84 },
    ],
    [fuse.EntryOut, 128, { node: 0, generation: 8, entryValidNanos: 32, ino: 40, mode: 100 }],
    [fuse.AttributesOut, 104, { attributesValid: 0, ino: 16, mode: 76 }],
    [fuse.InitIn, 64, { maxReadahead: 8, flags: 12, flags2: 16 }],
    [fuse.InitOut, 64, { maxBackground: 16, maxWrite: 20, timeGranularity: 24, maxPages: 28, flags2: 32 }],
    [fuse.ForgetIn, 8, { lookups: 0 }],
    [fuse.ForgetOne, 16, { node: 0, lookups: 8 }],
    [fuse.BatchForgetIn, 8, { count: 0 }],
    [fuse.GetattrIn, 16, { flags: 0, handle: 8 }],
    [
      fuse.SetattrIn,
      88,
      { handle: 8, size: 16, atime: 32, mtime: 40, ctime: 48, atimeNanos: 56, mode: 68, uid: 76, gid: 80 },
    ],
    [fuse.MknodIn, 16, { mode: 0, rdev: 4, umask: 8 }],
    [fuse.MkdirIn, 8, { mode: 0, umask: 4 }],
    [fuse.RenameIn, 8, { newDirectory: 0 }],
    [fuse.Rename2In, 16, { newDirectory: 0, flags: 8 }],
    [fuse.LinkIn, 8, { node: 0 }],
    [fuse.OpenIn, 8, { flags: 0, openFlags: 4 }],
    [fuse.CreateIn, 16, { flags: 0, mode: 4, umask: 8, openFlags: 12 }],
    [fuse.OpenOut, 16, { handle: 0, openFlags: 8 }],
    [fuse.ReleaseIn, 24, { handle: 0, releaseFlags: 12, lockOwner: 16 }],
    [fuse.FlushIn, 24, { handle: 0, lockOwner: 16 }],
    [fuse.ReadIn, 40, { offset: 8, size: 16, flags: 32 }],
    [fuse.WriteIn, 40, { offset: 8, size: 16, writeFlags: 20, flags: 32 }],
    [fuse.WriteOut, 8, { size: 0 }],
    [fuse.StatfsOut, 80, { blockSize: 40, nameLength: 44, fragmentSize: 48 }],
    [fuse.FsyncIn, 16, { handle: 0, flags: 8 }],
    [fuse.SetxattrIn, 16, { size: 0, flags: 4, setxattrFlags: 8 }],
    [fuse.GetxattrIn, 8, { size: 0 }],
    [fuse.LockIn, 48, { handle: 0, owner: 8, start: 16, end: 24, type: 32, pid: 36, lockFlags: 40 }],
    [fuse.LockOut, 24, { start: 0, end: 8, type: 16, pid: 20 }],
    [fuse.InterruptIn, 8, { unique: 0 }],
    [fuse.FallocateIn, 32, { offset: 8, length: 16, mode: 24 }],
    [fuse.DirectoryEntryOut, 24, { ino: 0, cookie: 8, nameLength: 16, type: 20 }],
    [fuse.LseekIn, 24, { offset: 8, whence: 16 }],
    [fuse.LseekOut, 8, { offset: 0 }],
    [
      fuse.CopyFileRangeIn,
      56,
      { handle: 0, offset: 8, outNode: 16, outHandle: 24, outOffset: 32, length: 40, flags: 48 },
    ],
    [fuse.StatxIn, 24, { flags: 0, handle: 8, statxFlags: 16, statxMask: 20 }],
    [
      fuse.StatxOut,
      288,
      { mask: 32, mode: 60, ino: 64, atime: 96, btime: 112, ctime: 128, mtime: 144, rdevMajor: 160 },
    ],
  ];

for (const [layout, size, places] of layouts)
  test(`${layout.name} lies as in linux/fuse.h`, () => {
    const offsets = Object.fromEntries(Object.entries(layout.offsets).filter(([key]) => key in places));
    assert.deepEqual({ size: layout.size, ...offsets }, { size, ...places });
  });

test('a LOOKUP is encoded byte for byte', () => {
  const bytes = fuse.encodeRequest(fuse.requests.lookup(1, 'ab'), 6n, { uid: 1000, gid: 100, pid: 7 });
  const expected = [
    '2b000000',
    '01000000',
    '0600000000000000',
    '0100000000000000',
    'e8030000',
    '64000000',
    '07000000',
    '00000000',
    '616200',
  ];
  assert.equal(Buffer.from(bytes).toString('hex'), expected.join(''));
  assert.equal(fuse.replyRoom(fuse.requests.lookup(1, 'ab')), 144);
});

test('requests without an answer have no room for one', () => {
  assert.equal(fuse.replyRoom(fuse.requests.forget(2, 1)), 0);
  assert.equal(fuse.replyRoom(fuse.requests.batchForget([])), 0);
  assert.equal(fuse.replyRoom(fuse.requests.interrupt(2n)), 0);
});

test('times before 1970 and after 2106 are exact', () => {
  for (const atime of [-1, -(2 ** 40), 2 ** 33, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    const change = fuse.requests.setattr(1, { valid: fuse.SetattrValid.atime, atime });
    assert.equal(fuse.SetattrIn.decode(change.arguments[0]!).atime, atime);
  }
});

function reply(length: number, error: number, unique: bigint, body = 0): Uint8Array {
  const bytes = new Uint8Array(16 + body);
  fuse.OutHeader.encodeInto({ length, error, unique }, bytes);
  return bytes;
}

test('a reply whose header does not fit what came is refused', () => {
  const bad: readonly [Uint8Array, string][] = [
    [new Uint8Array(0), 'ERR_TRUNCATED'],
    [new Uint8Array(15), 'ERR_TRUNCATED'],
    [reply(17, 0, 2n), 'ERR_FUSE_REPLY'],
    [reply(15, 0, 2n), 'ERR_FUSE_REPLY'],
    [reply(16, 2, 2n), 'ERR_FUSE_REPLY'],
    [reply(16, -512, 2n), 'ERR_FUSE_REPLY'],
    [reply(24, -2, 2n, 8), 'ERR_FUSE_REPLY'],
  ];
  for (const [bytes, code] of bad) assert.throws(() => fuse.decodeReply(bytes), { code });
  assert.deepEqual(fuse.decodeReply(reply(16, -2, 8n)), { unique: 8n, error: 2, body: new Uint8Array(0) });
});

test('an answer to another request is refused', () => {
  const client = new fuse.FuseClient(() => reply(16, 0, 99n));
  assert.throws(() => client.call(fuse.requests.destroy()), { code: 'ERR_FUSE_REPLY' });
});

test('an error of the file system names operation and errno', () => {
  const client = new fuse.FuseClient((bytes) => reply(16, -13, fuse.InHeader.decode(bytes).unique));
  assert.throws(() => client.readlink(5), {
    name: 'FuseError',
    code: 'ERR_FUSE',
    errno: 13,
    errnoName: 'EACCES',
    message: 'readlink was answered with EACCES',
  });
});

function entry(name: string, nameLength = name.length): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((24 + name.length) / 8) * 8);
  fuse.DirectoryEntryOut.encodeInto({ ino: 7, cookie: 3n, nameLength, type: 8 }, bytes);
  bytes.set(Buffer.from(name), 24);
  return bytes;
}

test('directory entries with impossible names are refused', () => {
  assert.deepEqual(
    fuse
      .decodeDirectory(Buffer.concat([entry('a'), entry('bcdefghij')]))
      .map(({ name }) => String(Buffer.from(name))),
    ['a', 'bcdefghij'],
  );
  for (const [bytes, code] of [
    [entry('a', 0), 'ERR_FUSE_REPLY'],
    [entry('a', 256), 'ERR_FUSE_REPLY'],
    [entry('a', 9), 'ERR_FUSE_REPLY'],
    [entry('a').subarray(0, 20), 'ERR_TRUNCATED'],
  ] as const)
    assert.throws(() => fuse.decodeDirectory(bytes), { code });
});

test('attribute names must be closed', () => {
  assert.deepEqual(fuse.decodeNames(Buffer.from('user.a\0user.b\0')), ['user.a', 'user.b']);
  assert.deepEqual(fuse.decodeNames(new Uint8Array(0)), []);
  assert.throws(() => fuse.decodeNames(Buffer.from('user.a\0user')), { code: 'ERR_FUSE_REPLY' });
});

test('decoders throw nothing but DecodeError, whatever comes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, plus) => {
      for (const decode of [
        () => fuse.decodeReply(bytes),
        () => fuse.decodeDirectory(bytes, plus),
        () => fuse.decodeNames(bytes),
        () => fuse.InitOut.decode(bytes),
        () => fuse.EntryOut.decode(bytes),
      ])
        try {
          decode();
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
        }
    }),
    { numRuns: 500 },
  );
});
