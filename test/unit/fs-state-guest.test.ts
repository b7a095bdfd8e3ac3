/** What a guest holds on to is the same after its file system has moved, as the guest sees it: through FUSE. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FsDevice } from '../../src/devices/fs/index.ts';
import { MAX_HANDLES } from '../../src/devices/fs/limits.ts';
import { CLIENT_FLAGS, encodeRequest, InitFlag, replyRoom, requests } from '../../src/fuse/index.ts';
import { Errno } from '../../src/sys/index.ts';
import { anyRequest } from './fs-any-request.ts';
import { Guest } from './fs-guest.ts';
import { data, type Kind, kept, move, O_RDONLY, O_RDWR, ROOT, refuses, text } from './fs-kept.ts';
import { Recorder, readerOf, snapshot } from './fs-state-support.ts';

/** What is a matter of the memory backing alone, beside what any backing keeps. */
const kinds: Record<string, Kind<FsDevice>> = {
  ...kept,
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
