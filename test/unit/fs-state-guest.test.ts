/** What a guest holds on to is the same after its file system has moved, as the guest sees it: through FUSE. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FsDevice } from '../../src/devices/fs/index.ts';
import { MAX_HANDLES } from '../../src/devices/fs/limits.ts';
import {
  CLIENT_FLAGS,
  decodeReply,
  encodeRequest,
  FuseError,
  type FuseRequest,
  InitFlag,
  LockOut,
  replyRoom,
  requests,
  StatxOut,
} from '../../src/fuse/index.ts';
import { Errno } from '../../src/sys/index.ts';
import { Guest } from './fs-guest.ts';
import { Recorder, readerOf, snapshot } from './fs-state-support.ts';

const ROOT = 1;
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_RDWR = 2;
const O_APPEND = 0o2000;
const O_DIRECTORY = 0o200000;

function move(from: FsDevice, to: FsDevice): void {
  from.suspend();
  const recorder = new Recorder();
  from.save(recorder);
  using staged = to.load(readerOf(recorder.saved));
  staged.commit();
}

function refuses(errno: number, call: () => unknown): void {
  assert.throws(call, (error) => error instanceof FuseError && Math.abs(error.errno) === errno);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

const data = (value: string) => Buffer.from(value, 'latin1');

/** Does something with a guest's file system and returns what has to hold after the move. */
type Kind = (before: Guest) => (after: Guest) => void;

const kinds: Record<string, Kind> = {
  'a file by its name, with contents and attributes': ({ client }) => {
    const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o4640);
    client.write(entry.node, handle, 0, data('contents'));
    client.setattr(entry.node, {
      valid: 0x3f,
      mode: 0o4640,
      uid: 7,
      gid: 8,
      size: 6,
      atime: -5,
      atimeNanos: 1,
    });
    client.call(requests.setxattr(entry.node, 'user.a', data('\x00\xff')));
    const attributes = client.getattr(entry.node);
    const born = StatxOut.decode(client.call(requests.statx(entry.node, 0xfff)));
    return ({ client: after }) => {
      const found = after.lookup(ROOT, 'file');
      assert.deepEqual([found.node, found.generation], [entry.node, entry.generation]);
      assert.deepEqual(after.getattr(entry.node), attributes);
      assert.deepEqual(StatxOut.decode(after.call(requests.statx(entry.node, 0xfff))), born);
      assert.equal(text(after.read(entry.node, handle, 0, 100)), 'conten');
      assert.deepEqual(after.listxattr(entry.node), ['user.a']);
      assert.equal(text(after.getxattr(entry.node, 'user.a')), '\x00\xff');
    };
  },
  'an open file that was deleted': ({ client }) => {
    const { entry, handle } = client.create(ROOT, 'deleted', O_RDWR, 0o600);
    client.write(entry.node, handle, 5000, data('still there'));
    client.call(requests.unlink(ROOT, 'deleted'));
    return ({ client: after, device }) => {
      assert.equal(text(after.read(entry.node, handle, 5000, 100)), 'still there');
      assert.equal(after.getattr(entry.node, handle).nlink, 0);
      assert.equal(after.write(entry.node, handle, 0, data('more')), 4);
      const free = after.statfs().blocksFree;
      after.call(requests.release(entry.node, handle));
      assert.ok(device.fileSystem.inodes.has(entry.node));
      after.forget(entry.node, 1);
      assert.ok(!device.fileSystem.inodes.has(entry.node));
      assert.ok(after.statfs().blocksFree > free);
    };
  },
  'a deleted file that is only looked up': ({ client }) => {
    const { node } = client.mknod(ROOT, 'known', 0o100644);
    client.lookup(ROOT, 'known');
    client.lookup(ROOT, 'known');
    client.call(requests.unlink(ROOT, 'known'));
    return ({ client: after }) => {
      const handle = after.open(node, O_RDWR);
      after.call(requests.release(node, handle));
      after.forget(node, 2);
      assert.equal(after.getattr(node).nlink, 0);
      after.forget(node, 1);
      refuses(Errno.ESTALE, () => after.getattr(node));
    };
  },
  'a file that never had a name': ({ client }) => {
    const { entry, handle } = client.tmpfile(ROOT, O_RDWR, 0o600);
    client.write(entry.node, handle, 0, data('nameless'));
    return ({ client: after }) => {
      after.call(requests.link(entry.node, ROOT, 'named at last'));
      assert.equal(text(after.read(entry.node, handle, 0, 100)), 'nameless');
      assert.equal(after.lookup(ROOT, 'named at last').node, entry.node);
    };
  },
  'an open directory that was removed': ({ client }) => {
    const { node } = client.mkdir(ROOT, 'directory', 0o755);
    const handle = client.opendir(node);
    client.call(requests.rmdir(ROOT, 'directory'));
    return ({ client: after }) => {
      assert.deepEqual(
        after.readdir(node, handle, 0, 4096).map(({ ino }) => ino),
        [node, ROOT],
      );
      refuses(Errno.ENOENT, () => after.mkdir(node, 'new', 0o755));
      assert.equal(after.lookup(node, '..').node, ROOT);
      after.call(requests.releasedir(node, handle));
    };
  },
  'a removed directory in a removed directory that is gone': ({ client }) => {
    const outer = client.mkdir(ROOT, 'outer', 0o755);
    const inner = client.mkdir(outer.node, 'inner', 0o755);
    const handle = client.opendir(inner.node);
    client.call(requests.rmdir(outer.node, 'inner'));
    client.call(requests.rmdir(ROOT, 'outer'));
    client.forget(outer.node, 1);
    refuses(Errno.ESTALE, () => client.lookup(inner.node, '..'));
    const names = client.readdir(inner.node, handle, 0, 4096);
    return ({ client: after }) => {
      refuses(Errno.ESTALE, () => after.lookup(inner.node, '..'));
      assert.deepEqual(after.readdir(inner.node, handle, 0, 4096), names);
    };
  },
  'a position in a directory whose names come and go': ({ client }) => {
    const { node } = client.mkdir(ROOT, 'many', 0o755);
    for (let i = 0; i < 300; i++) client.mknod(node, `name ${i}`, 0o100644);
    for (let i = 0; i < 300; i += 3) client.call(requests.unlink(node, `name ${i}`));
    const handle = client.opendir(node);
    const first = client.readdir(node, handle, 0, 4096);
    const cookie = first.at(-1)!.cookie;
    return ({ client: after, device }) => {
      assert.equal(device.fileSystem.directories.get(handle)!.position, cookie);
      after.mknod(node, 'late', 0o100644);
      after.call(requests.unlink(node, 'name 298'));
      const names = first.map(({ name }) => text(name));
      for (let at = cookie; ; ) {
        const more = after.readdir(node, handle, at, 1024);
        if (more.length === 0) break;
        names.push(...more.map(({ name }) => text(name)));
        at = more.at(-1)!.cookie;
      }
      const expected = ['.', '..'];
      for (let i = 0; i < 300; i++) if (i % 3 !== 0 && i !== 298) expected.push(`name ${i}`);
      assert.deepEqual(names, [...expected, 'late']);
    };
  },
  'what a handle was opened for': ({ client, device }) => {
    const { node } = client.mknod(ROOT, 'file', 0o100644);
    const reading = client.open(node, O_RDONLY);
    const writing = client.open(node, O_WRONLY);
    const appending = client.open(node, O_WRONLY | O_APPEND);
    assert.equal(device.fileSystem.files.get(appending)!.flags, O_WRONLY | O_APPEND);
    return ({ client: after, device: moved }) => {
      refuses(Errno.EBADF, () => after.write(node, reading, 0, data('x')));
      refuses(Errno.EBADF, () => after.read(node, writing, 0, 10));
      assert.equal(after.write(node, writing, 0, data('x')), 1);
      assert.equal(moved.fileSystem.files.get(appending)!.flags, O_WRONLY | O_APPEND);
      assert.ok(after.open(node, O_RDONLY) > appending);
    };
  },
  'nodes of every type and hard links': ({ client }) => {
    const tty = client.mknod(ROOT, 'tty', 0o20620, 0x501);
    client.mknod(ROOT, 'pipe', 0o10600);
    client.symlink(ROOT, 'link', data('to\xff/nowhere'));
    client.call(requests.link(tty.node, ROOT, 'tty too'));
    return ({ client: after }) => {
      const found = after.lookup(ROOT, 'tty too');
      assert.deepEqual([found.node, found.rdev, found.nlink], [tty.node, 0x501, 2]);
      assert.equal(after.lookup(ROOT, 'pipe').mode, 0o10600);
      assert.equal(text(after.readlink(after.lookup(ROOT, 'link').node)), 'to\xff/nowhere');
    };
  },
  'holes and reserved memory': ({ client }) => {
    const { entry, handle } = client.create(ROOT, 'sparse', O_RDWR, 0o600);
    client.write(entry.node, handle, 2 ** 40, data('far'));
    client.call(requests.fallocate(entry.node, handle, 1, 2 ** 20, 2 ** 20));
    const before = client.statfs();
    return ({ client: after }) => {
      assert.equal(after.lseek(entry.node, handle, 0, 3), 2 ** 40);
      assert.equal(after.lseek(entry.node, handle, 2 ** 40, 4), 2 ** 40 + 3);
      assert.deepEqual(after.statfs(), before);
      assert.equal(after.getattr(entry.node).blocks, 8 * 257);
    };
  },
  'record locks, and who waits for one': (before) => {
    const { client } = before;
    const { entry, handle } = client.create(ROOT, 'locked', O_RDWR, 0o600);
    const lock = (owner: bigint, type: number) => ({ handle, owner, start: 10n, end: 19n, type, pid: 77 });
    client.call(requests.setlk(entry.node, lock(1n, 1)));
    const wait = requests.setlkw(entry.node, lock(2n, 1));
    const deferred = before.sendLater(wait, 4000n);
    return (after) => {
      // The SDK gives requests up when it parks them, and hands them over again.
      deferred.abandoned = true;
      const replayed = after.sendLater(wait, 4000n);
      const held = LockOut.decode(after.client.call(requests.getlk(entry.node, lock(3n, 0))));
      assert.deepEqual(held, { start: 10n, end: 19n, type: 1, pid: 77 });
      after.client.call(requests.flush(entry.node, handle, 1n));
      assert.ok(decodeReply(replayed.answer!).error === 0);
      refuses(Errno.EAGAIN, () => after.client.call(requests.setlk(entry.node, lock(1n, 0))));
    };
  },
  'flock locks': ({ client }) => {
    const { entry, handle } = client.create(ROOT, 'locked', O_RDWR, 0o600);
    client.call(requests.setlk(entry.node, { handle, owner: 5n, type: 1, flock: true }));
    return ({ client: after }) => {
      const other = after.open(entry.node, O_RDWR);
      const wanted = requests.setlk(entry.node, { handle: other, owner: 6n, type: 0, flock: true });
      refuses(Errno.EAGAIN, () => after.call(wanted));
      after.call(requests.release(entry.node, handle, 2, 5n));
      after.call(wanted);
    };
  },
  'locks that end with the open file they were taken through': ({ client }) => {
    const { entry, handle } = client.create(ROOT, 'locked', O_RDWR, 0o600);
    client.call(requests.setlk(entry.node, { handle, owner: 5n, type: 1 }));
    return ({ client: after, device }) => {
      assert.equal(device.fileSystem.locks.held, 1);
      after.call(requests.release(entry.node, handle));
      assert.equal(device.fileSystem.locks.held, 0);
    };
  },
};

const DEVICE = { locks: 'device' };

for (const [name, kind] of Object.entries(kinds))
  test(`carried: ${name}`, () => {
    using before = Guest.mounted(DEVICE);
    using after = new Guest(DEVICE);
    const check = kind(before);
    move(before.device, after.device);
    check(after);
  });

test('carried: all of it at once, there and back and there again', () => {
  using before = Guest.mounted(DEVICE);
  using middle = new Guest(DEVICE);
  using after = new Guest(DEVICE);
  // Each in a directory of its own would be the same; names that several use are given up first.
  const check = kinds['an open file that was deleted']!(before);
  const others = [
    kinds['a position in a directory whose names come and go']!(before),
    kinds['an open directory that was removed']!(before),
    kinds['locks that end with the open file they were taken through']!(before),
  ];
  const held = snapshot(before.device);
  move(before.device, middle.device);
  move(middle.device, before.device);
  move(before.device, after.device);
  assert.deepEqual(snapshot(after.device), held);
  for (const other of others) other(after);
  check(after);
});

test('carried: what was negotiated, and what was not', () => {
  using before = new Guest(DEVICE);
  using after = Guest.mounted(DEVICE);
  before.client.init(CLIENT_FLAGS & ~(InitFlag.posixLocks | InitFlag.setxattrExtended), 35);
  const session = before.device.fileSystem.session;
  move(before.device, after.device);
  assert.deepEqual(after.device.fileSystem.session, session);
  assert.equal(session!.minor, 35);
  after.client.call(requests.setxattr(ROOT, 'user.short', data('header'), 0, false));
  assert.equal(text(after.client.getxattr(ROOT, 'user.short')), 'header');
});

test('a load that is given up, or fails, leaves the device as it was', () => {
  using before = Guest.mounted(DEVICE);
  using after = Guest.mounted(DEVICE);
  before.client.mkdir(ROOT, 'theirs', 0o755);
  after.client.mkdir(ROOT, 'ours', 0o755);
  const recorder = new Recorder();
  before.device.save(recorder);
  const held = snapshot(after.device);
  after.device.load(readerOf(recorder.saved))[Symbol.dispose]();
  assert.throws(() => after.device.load(readerOf(recorder.saved.slice(0, -1))));
  assert.deepEqual(snapshot(after.device), held);
  assert.equal(after.client.find(ROOT, 'theirs'), undefined);
});

const edge = fc.constantFrom(
  0n,
  1n,
  4095n,
  4096n,
  2n ** 31n,
  2n ** 52n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n,
  2n ** 64n - 1n,
);
const name = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'd'),
  fc.constantFrom('.', '..', '', 'x/y', 'n'.repeat(255), 'n'.repeat(256), '\xff'),
);
const node = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(0, 999));
const handle = fc.integer({ min: 0, max: 12 });
const small = fc.nat(70_000);
const lock = fc.record({
  handle,
  owner: fc.constantFrom(1n, 2n, 2n ** 64n - 1n),
  start: fc.oneof(fc.bigInt(0n, 20n), edge),
  end: fc.oneof(fc.bigInt(0n, 30n), edge),
  type: fc.nat(3),
  flock: fc.boolean(),
});

function by<T extends unknown[]>(
  make: (...values: T) => FuseRequest,
  ...values: { [K in keyof T]: fc.Arbitrary<T[K]> }
): fc.Arbitrary<FuseRequest> {
  return fc.tuple<T>(...values).map((given) => {
    const text = () => `request ${make(...given).opcode} ${fc.stringify(given)}`;
    return Object.assign(make(...given), { [fc.toStringMethod]: text });
  });
}

const { create, mkdir, mknod, symlink, link, rename2, unlink, rmdir, open, opendir, tmpfile } = requests;
const anyRequest: fc.Arbitrary<FuseRequest> = fc.oneof(
  by((n, s, m) => create(n, s, O_RDWR, m), node, name, small),
  by((n, s, m) => mkdir(n, s, m), node, name, small),
  by((n, s, m, r) => mknod(n, s, m, r), node, name, small, fc.nat()),
  by((n, s, t) => symlink(n, s, t), node, name, name),
  by((n, m) => tmpfile(n, O_RDWR, m), node, small),
  by((n, d, s) => link(n, d, s), node, node, name),
  by((n, s, d, t, f) => rename2(n, s, d, t, f), node, name, node, name, fc.nat(4)),
  by((n, s) => unlink(n, s), node, name),
  by((n, s) => rmdir(n, s), node, name),
  by((n, f) => open(n, f & 0o3003), node, small),
  by((n) => opendir(n, O_DIRECTORY), node),
  by((n, s) => requests.lookup(n, s), node, name),
  by((n, c) => requests.forget(n, c), node, fc.nat(3)),
  by(
    (n, h, o, l) => requests.write(n, h, o, new Uint8Array(l).fill(7)),
    node,
    handle,
    fc.oneof(edge, small),
    small,
  ),
  by(
    (n, h, m, o, l) => requests.fallocate(n, h, m, o, l),
    node,
    handle,
    fc.nat(63),
    fc.oneof(edge, small),
    fc.oneof(edge, small),
  ),
  by(
    (n, valid, h, value, mode) =>
      requests.setattr(n, {
        valid,
        handle: h,
        size: value,
        atime: value,
        mtime: -value,
        ctime: value,
        mode,
        uid: mode,
      }),
    node,
    fc.nat(0xfff),
    handle,
    fc.oneof(small, fc.constantFrom(2 ** 52, 2 ** 53, 2 ** 62)),
    small,
  ),
  by((n, s, v) => requests.setxattr(n, `user.${s}`, new Uint8Array(v)), node, name, small),
  by((n, s) => requests.removexattr(n, `user.${s}`), node, name),
  by((n, h, c) => requests.readdirplus(n, h, c, 4096), node, handle, fc.constantFrom(0, 3, 2 ** 53, 2 ** 63)),
  by((n, h) => requests.release(n, h, 2, 1n), node, handle),
  by((n, h) => requests.releasedir(n, h), node, handle),
  by((n, h) => requests.flush(n, h, 2n), node, handle),
  by((n, l) => requests.setlk(n, l), node, lock),
  by((n, l) => requests.setlkw(n, l), node, lock),
  by(
    (n, h, m, k, a, b) =>
      requests.copyFileRange(n, { handle: h, outNode: m, outHandle: k, offset: a, outOffset: b, length: b }),
    ...([node, handle, node, handle, small, small] as const),
  ),
);

const seconds = Number(process.env.FERRY_FUZZ_SECONDS ?? 3);

test('whatever a guest does, the state that comes of it can be loaded', () => {
  fc.assert(
    fc.property(fc.array(anyRequest, { minLength: 20, maxLength: 150 }), (sequence) => {
      using before = Guest.mounted({ ...DEVICE, memory: 2 ** 20 });
      using after = new Guest({ ...DEVICE, memory: 2 ** 20 });
      sequence.forEach((request, i) => {
        before.send(encodeRequest(request, BigInt(2 * i + 100)), replyRoom(request));
      });
      move(before.device, after.device);
      assert.deepEqual(snapshot(after.device), snapshot(before.device));
    }),
    {
      interruptAfterTimeLimit: seconds * 1000,
      numRuns: 1_000_000,
      markInterruptAsFailure: false,
    },
  );
});

test('a guest cannot open more than can be carried', () => {
  using guest = Guest.mounted(DEVICE);
  const { client, device } = guest;
  const { node } = client.mknod(ROOT, 'file', 0o100644);
  const { fileSystem } = device;
  while (fileSystem.canOpen) fileSystem.openFile(fileSystem.inodes.get(node)!, O_RDONLY);
  assert.equal(fileSystem.files.size, MAX_HANDLES);
  refuses(Errno.ENFILE, () => client.open(node, O_RDONLY));
  refuses(Errno.ENFILE, () => client.opendir(ROOT));
  refuses(Errno.ENFILE, () => client.create(ROOT, 'new', O_RDWR, 0o600));
  refuses(Errno.ENFILE, () => client.tmpfile(ROOT, O_RDWR, 0o600));
  assert.equal(client.find(ROOT, 'new'), undefined);
});
