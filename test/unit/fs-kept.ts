/** What a guest holds on to when its device is moved, as the guest sees it, whatever the files are kept in. */
import assert from 'node:assert/strict';
import { type DirectoryFsDevice, FsDevice } from '../../src/devices/fs/index.ts';
import { decodeReply, FuseError, LockOut, requests, StatxOut } from '../../src/fuse/index.ts';
import { Errno } from '../../src/sys/index.ts';
import type { GuestOf } from './fs-guest.ts';
import { Recorder, readerOf } from './fs-state-support.ts';

export const ROOT = 1;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_APPEND = 0o2000;
export const O_DIRECTORY = 0o200000;

type AnyDevice = FsDevice | DirectoryFsDevice;

/** Does something with a guest's file system and returns what has to hold after the move. */
export type Kind<D extends AnyDevice = AnyDevice> = (before: GuestOf<D>) => (after: GuestOf<D>) => void;

/** Save the state of one device and load it into another, as a migration does. */
export function move(from: AnyDevice, to: AnyDevice): void {
  from.suspend();
  const recorder = new Recorder();
  from.save(recorder);
  using staged = to.load(readerOf(recorder.saved));
  staged.commit();
}

export function refuses(errno: number, call: () => unknown): void {
  assert.throws(call, (error) => error instanceof FuseError && Math.abs(error.errno) === errno);
}

export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

export const data = (value: string) => Buffer.from(value, 'latin1');

/** What a device knows of its guest. */
function inside(device: AnyDevice) {
  return device instanceof FsDevice ? device.fileSystem : device.share;
}

export const kept: Record<string, Kind> = {
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
      assert.ok(inside(device).inodes.get(entry.node) !== undefined);
      after.forget(entry.node, 1);
      assert.ok(inside(device).inodes.get(entry.node) === undefined);
      // A shared directory has others who take room and give it back
      if (device instanceof FsDevice) assert.ok(after.statfs().blocksFree > free);
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
  'what a handle was opened for': ({ client, device }) => {
    const { node } = client.mknod(ROOT, 'file', 0o100644);
    const reading = client.open(node, O_RDONLY);
    const writing = client.open(node, O_WRONLY);
    const appending = client.open(node, O_WRONLY | O_APPEND);
    assert.equal(inside(device).files.get(appending)!.flags, O_WRONLY | O_APPEND);
    return ({ client: after, device: moved }) => {
      refuses(Errno.EBADF, () => after.write(node, reading, 0, data('x')));
      refuses(Errno.EBADF, () => after.read(node, writing, 0, 10));
      assert.equal(after.write(node, writing, 0, data('x')), 1);
      assert.equal(inside(moved).files.get(appending)!.flags, O_WRONLY | O_APPEND);
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
      assert.equal(inside(device).locks.held, 1);
      after.call(requests.release(entry.node, handle));
      assert.equal(inside(device).locks.held, 0);
    };
  },
};
