/** What a guest holds on to of a shared directory is the same after a move, as the guest sees it: through FUSE. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import {
  createDirectoryFsDevice,
  createFsDevice,
  type DirectoryFsDevice,
} from '../../src/devices/fs/index.ts';
import { CLIENT_FLAGS, encodeRequest, InitFlag, replyRoom, requests } from '../../src/fuse/index.ts';
import { StateReader, StateWriter } from '../../src/state/index.ts';
import { Errno } from '../../src/sys/index.ts';
import { reservesMuch } from '../fuzz/fuse-requests.ts';
import { anyRequest } from './fs-any-request.ts';
import { GuestOf } from './fs-guest.ts';
import {
  data,
  type Kind,
  kept,
  move,
  O_APPEND,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  ROOT,
  refuses,
  text,
} from './fs-kept.ts';
import { descriptors, Folder } from './fs-share-support.ts';
import { Recorder, readerOf } from './fs-state-support.ts';

type Guest = GuestOf<DirectoryFsDevice>;

function guestOf(folder: { readonly path: string }, options: Record<string, unknown> = {}): Guest {
  return new GuestOf(createDirectoryFsDevice({ directory: folder.path, locks: 'device', ...options }));
}

function mounted(folder: Folder, options?: Record<string, unknown>): Guest {
  const guest = guestOf(folder, options);
  guest.client.init();
  return guest;
}

/** The names that a directory has from a position on, `size` bytes at a time. */
function readOn(
  { client }: Guest,
  node: number,
  handle: number,
  from: number | bigint,
  size = 1024,
): string[] {
  const names: string[] = [];
  for (let cookie = from; ; ) {
    const entries = client.readdir(node, handle, cookie, size);
    if (entries.length === 0) return names;
    names.push(...entries.map(({ name }) => text(name)));
    cookie = entries.at(-1)!.cookie;
  }
}

/** What is a matter of a shared directory alone, beside what any backing keeps. */
const kinds: Record<string, Kind<DirectoryFsDevice>> = {
  ...kept,
  'an open directory that was removed': ({ client }) => {
    const { node } = client.mkdir(ROOT, 'directory', 0o755);
    client.setattr(node, { valid: 7, mode: 0o2711, uid: 12, gid: 34 });
    const handle = client.opendir(node);
    client.call(requests.rmdir(ROOT, 'directory'));
    const { ctime: _, ctimeNanos: _nanos, ...before } = client.getattr(node);
    assert.equal(before.nlink, 0);
    return ({ client: after }) => {
      const { ctime: _, ctimeNanos: _nanos, ...now } = after.getattr(node);
      assert.deepEqual(now, before);
      refuses(Errno.ENOENT, () => after.readdir(node, handle, 0, 4096));
      refuses(Errno.ENOENT, () => after.mkdir(node, 'new', 0o755));
      after.call(requests.releasedir(node, handle));
    };
  },
  'a position in a directory whose names come and go': (guest) => {
    const { client } = guest;
    const { node } = client.mkdir(ROOT, 'many', 0o755);
    for (let i = 0; i < 300; i++) client.mknod(node, `name ${i}`, 0o100644);
    for (let i = 0; i < 300; i += 3) client.call(requests.unlink(node, `name ${i}`));
    const handle = client.opendir(node);
    const first = client.readdir(node, handle, 0, 4096);
    const { cookie } = first.at(-1)!;
    const rest = readOn(guest, node, handle, cookie);
    const back = readOn(guest, node, handle, first.at(-10)!.cookie);
    client.readdir(node, handle, first.at(-10)!.cookie, 1024);
    return (after) => {
      assert.deepEqual(readOn(after, node, handle, cookie), rest);
      assert.deepEqual(readOn(after, node, handle, first.at(-10)!.cookie), back);
      // What was read already may go
      after.client.call(requests.unlink(node, text(first.at(-1)!.name)));
      assert.deepEqual(readOn(after, node, handle, cookie), rest);
      assert.equal(readOn(after, node, handle, 0).length, 201);
    };
  },
  'holes and reserved room': ({ client }) => {
    const { entry, handle } = client.create(ROOT, 'sparse', O_RDWR, 0o600);
    client.write(entry.node, handle, 2 ** 40, data('far'));
    client.call(requests.fallocate(entry.node, handle, 1, 2 ** 20, 2 ** 20));
    const { blocks } = client.getattr(entry.node);
    return ({ client: after }) => {
      assert.equal(after.lseek(entry.node, handle, 0, 3), 2 ** 40);
      assert.equal(after.getattr(entry.node).blocks, blocks);
    };
  },
  'deleted files of every type that the guest refers to': ({ client }) => {
    const nodes = [
      client.mknod(ROOT, 'fifo', 0o10640).node,
      client.mknod(ROOT, 'socket', 0o140700).node,
      client.mknod(ROOT, 'tty', 0o20620, 0x501).node,
      client.symlink(ROOT, 'link', data('to\xff/nowhere')).node,
    ];
    for (const name of ['fifo', 'socket', 'tty', 'link']) client.call(requests.unlink(ROOT, name));
    const look = (guest: { client: Guest['client'] }) =>
      nodes.map((node) => {
        const { ctime: _, ctimeNanos: _nanos, ...rest } = guest.client.getattr(node);
        return rest;
      });
    const before = look({ client });
    return (after) => {
      assert.deepEqual(look(after), before);
      assert.equal(text(after.client.readlink(nodes[3]!)), 'to\xff/nowhere');
    };
  },
  'a deleted file with much in it': ({ client }) => {
    const { entry, handle } = client.create(ROOT, 'large', O_RDWR, 0o600);
    const piece = new Uint8Array(2 ** 20).map((_, i) => (i * 31) >>> 8);
    for (let i = 0; i < 5; i++) client.write(entry.node, handle, i * 3 * 2 ** 20, piece);
    client.call(requests.setxattr(entry.node, 'user.a', data('\x00\xff')));
    client.call(requests.unlink(ROOT, 'large'));
    const { ctime: _, ctimeNanos: _nanos, ...before } = client.getattr(entry.node);
    return ({ client: after }) => {
      const { ctime: _, ctimeNanos: _nanos, ...now } = after.getattr(entry.node);
      assert.deepEqual(now, before);
      for (let i = 0; i < 5; i++)
        assert.ok(Buffer.from(after.read(entry.node, handle, i * 3 * 2 ** 20, 2 ** 20)).equals(piece));
      assert.equal(text(after.getxattr(entry.node, 'user.a')), '\x00\xff');
    };
  },
};

/** Those that use no name twice. */
const TOGETHER = [
  'an open file that was deleted',
  'a deleted file that is only looked up',
  'an open directory that was removed',
  'a position in a directory whose names come and go',
  'deleted files of every type that the guest refers to',
  'a deleted file with much in it',
  'locks that end with the open file they were taken through',
];

describe('carried', () => {
  for (const [name, kind] of Object.entries(kinds))
    test(name, () => {
      using folder = new Folder();
      using before = mounted(folder);
      using after = guestOf(folder);
      const check = kind(before);
      move(before.device, after.device);
      check(after);
    });

  test('all of it at once, there and back and there again', () => {
    using folder = new Folder();
    using before = mounted(folder);
    using middle = guestOf(folder);
    using after = guestOf(folder);
    const checks = TOGETHER.map((name) => kinds[name]!(before));
    move(before.device, middle.device);
    move(middle.device, before.device);
    move(before.device, after.device);
    for (const check of checks) check(after);
  });

  test('what was negotiated, and what was not', () => {
    using folder = new Folder();
    using before = guestOf(folder);
    using after = mounted(folder);
    before.client.init(CLIENT_FLAGS & ~(InitFlag.posixLocks | InitFlag.setxattrExtended), 35);
    const { session } = before.device.share;
    move(before.device, after.device);
    assert.deepEqual(after.device.share.session, session);
    assert.equal(session!.minor, 35);
  });
});

test('a load that is given up, or fails, leaves the device as it was', () => {
  using folder = new Folder();
  using before = mounted(folder);
  using after = mounted(folder);
  before.client.create(ROOT, 'theirs', O_RDWR, 0o600);
  const { entry, handle } = after.client.create(ROOT, 'ours', O_RDWR, 0o600);
  const recorder = new Recorder();
  before.device.save(recorder);
  const { share } = after.device;
  after.device.load(readerOf(recorder.saved))[Symbol.dispose]();
  assert.throws(() => after.device.load(readerOf(recorder.saved.slice(0, -1))));
  fs.rmSync(folder.at('theirs'));
  assert.throws(() => after.device.load(readerOf(recorder.saved)), { code: 'ERR_FS_MISMATCH' });
  assert.equal(after.device.share, share);
  assert.equal(after.client.write(entry.node, handle, 0, data('still here')), 10);
});

test('a guest gets an error for the one file that is another one by now, and the operator is told', () => {
  using folder = new Folder();
  using before = mounted(folder);
  using after = guestOf(folder, { onMismatch: 'guest-error', cache: 'none' });
  const lines: string[] = [];
  after.device.attach({
    log: (line) => void lines.push(line),
    watch: () => ({ [Symbol.dispose]: () => undefined }),
    configChanged: () => undefined,
    now: () => 0,
  });
  const one = before.client.create(ROOT, 'replaced', O_RDWR, 0o600);
  const other = before.client.create(ROOT, 'other', O_RDWR, 0o600);
  const recorder = new Recorder();
  before.device.suspend();
  before.device.save(recorder);
  folder.write('new', 'another');
  fs.renameSync(folder.at('new'), folder.at('replaced'));
  {
    using staged = after.device.load(readerOf(recorder.saved));
    assert.deepEqual(lines, []);
    staged.commit();
  }
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /error for replaced: found inode \d+, expected inode \d+/);
  const { client } = after;
  refuses(Errno.ESTALE, () => client.getattr(one.entry.node));
  refuses(Errno.ESTALE, () => client.open(one.entry.node, O_RDONLY));
  refuses(Errno.EIO, () => client.read(one.entry.node, one.handle, 0, 10));
  refuses(Errno.EIO, () => client.write(one.entry.node, one.handle, 0, data('x')));
  assert.equal(client.write(other.entry.node, other.handle, 0, data('fine')), 4);
  // Asked for by its name it is the new file
  const found = client.lookup(ROOT, 'replaced');
  assert.notEqual(found.node, one.entry.node);
  const handle = client.open(found.node, O_RDONLY);
  assert.equal(text(client.read(found.node, handle, 0, 10)), 'another');
  client.call(requests.release(one.entry.node, one.handle));
  client.forget(one.entry.node, 1);
  assert.equal(after.device.share.inodes.get(one.entry.node), undefined);
});

test('in a copy of the folder a guest goes on in the middle of a directory, without a name twice or left out', () => {
  using folder = new Folder();
  using copy = new Folder('/dev/shm');
  using before = mounted(folder);
  using after = guestOf(copy, { identity: 'copy' });
  for (let i = 0; i < 500; i++) folder.write(`name ${i}`);
  const handle = before.client.opendir(ROOT);
  const first = before.client.readdir(ROOT, handle, 0, 6000);
  const rest = readOn(before, ROOT, handle, first.at(-1)!.cookie);
  before.client.readdir(ROOT, handle, first.at(-5)!.cookie, 1000);
  execFileSync('cp', ['-a', `${folder.path}/.`, copy.path]);
  move(before.device, after.device);
  assert.deepEqual(readOn(after, ROOT, handle, first.at(-1)!.cookie, 700), rest);
  // What is gone is passed over, and from the beginning it is the host's order again
  fs.rmSync(copy.at(rest.at(-1)!));
  assert.deepEqual(readOn(after, ROOT, handle, first.at(-1)!.cookie), rest.slice(0, -1));
  assert.equal(readOn(after, ROOT, handle, 0).length, 501);
});

describe('state of the other backing', () => {
  for (const [what, from, to] of [
    ['memory', 'fs', 'fs-directory'],
    ['a directory', 'fs-directory', 'fs'],
  ] as const)
    test(`of ${what} is refused by the device's name`, () => {
      using folder = new Folder();
      const devices = {
        fs: () => createFsDevice({ memory: 2 ** 20 }),
        'fs-directory': () => createDirectoryFsDevice({ directory: folder.path }),
      };
      using source = devices[from]();
      using destination = devices[to]();
      const pieces: Uint8Array[] = [];
      const writer = new StateWriter(
        { write: (bytes) => void pieces.push(bytes.slice()) },
        { device: source.identity.name, virtioId: 26, stateVersion: 1, features: 0n },
      );
      source.save(writer);
      writer.close();
      const bytes = Buffer.concat(pieces);
      let at = 0;
      const read = (into: Uint8Array) => {
        const length = bytes.copy(into, 0, at);
        at += length;
        return length;
      };
      const { name, virtioId, stateVersion } = destination.identity;
      const { sections } = destination;
      assert.throws(
        () => new StateReader({ read }, { device: name, virtioId, stateVersion, features: 0n, sections }),
        { code: 'ERR_STATE_DEVICE', message: new RegExp(`state of device ${from} .*expected ${to} `) },
      );
    });
});

test('a process that may nothing special moves what a guest has made, also what it may not open by now', () => {
  using folder = new Folder();
  fs.chownSync(folder.path, 65534, 65534);
  folder.write('theirs', 'x');
  fs.chmodSync(folder.at('theirs'), 0o600);
  const program = fileURLToPath(new URL('./fs-directory-moving-nobody.ts', import.meta.url));
  const output = execFileSync(process.execPath, ['--conditions=ferry-source', program, folder.path], {
    encoding: 'utf8',
    // The one of a test is closed to everybody else
    env: { ...process.env, TMPDIR: '/tmp' },
  });
  assert.deepEqual(JSON.parse(output), {
    deleted: ['contents', '100400'],
    kept: ['written', '100444'],
    removed: ['40755', '10600'],
    names: ['kept', 'theirs'],
  });
});

test("what the guest's root makes keeps setgid, whatever was written before", () => {
  using folder = new Folder();
  using guest = mounted(folder);
  const { client } = guest;
  const { node } = client.mkdir(ROOT, 'd', 0o755);
  client.setattr(node, { valid: 7, mode: 0o2775, uid: 0, gid: 100 });
  const first = client.create(node, 'first', O_RDWR, 0o600);
  // FUSE_WRITE_KILL_SUIDGID
  client.write(first.entry.node, first.handle, 0, data('x'), 4);
  assert.equal(client.create(node, 'second', O_RDWR, 0o2775).entry.mode, 0o102775);
  assert.equal(client.mknod(node, 'third', 0o102775).mode, 0o102775);
});

test('what fcntl(2) has made of O_APPEND counts, and not what the file was opened with', () => {
  using folder = new Folder();
  using guest = mounted(folder);
  const { client } = guest;
  const { entry, handle } = client.create(ROOT, 'file', O_WRONLY | O_APPEND, 0o600);
  client.write(entry.node, handle, 0, data('12345'), 0, O_WRONLY | O_APPEND);
  client.write(entry.node, handle, 1, data('x'), 0, O_WRONLY);
  client.write(entry.node, handle, 5, data('6'), 0, O_WRONLY | O_APPEND);
  assert.equal(fs.readFileSync(folder.at('file'), 'latin1'), '1x3456');
});

const seconds = Number(process.env.FERRY_FUZZ_SECONDS ?? 3);
const PLACE = fs.existsSync('/dev/shm') ? '/dev/shm' : undefined;

test('whatever a guest does, the state that comes of it can be loaded', () => {
  fc.assert(
    fc.property(fc.array(anyRequest, { minLength: 20, maxLength: 150 }), (sequence) => {
      using folder = new Folder(PLACE);
      using before = mounted(folder);
      using after = guestOf(folder);
      sequence.forEach((request, i) => {
        const bytes = encodeRequest(request, BigInt(2 * i + 100));
        if (!reservesMuch(bytes)) before.send(bytes, replyRoom(request));
      });
      move(before.device, after.device);
      const summary = ({ device: { share } }: Guest) => ({
        inodes: [...share.inodes.values()]
          .map(({ node, lookups, opens, children, type, lost }) => [
            node,
            lookups,
            opens,
            children,
            type,
            lost,
          ])
          .sort(([a], [b]) => Number(a) - Number(b)),
        files: [...share.files.values()].map(({ handle, inode, flags }) => [handle, inode.node, flags]),
        directories: [...share.directories.values()].map(({ handle, inode }) => [handle, inode.node]),
        locks: [...share.locks.records()].length + [...share.locks.files()].length,
        next: [share.inodes.nextNode, share.nextHandle],
      });
      assert.deepEqual(summary(after), summary(before));
      assert.ok([...after.device.share.inodes.values()].every(({ lost }) => !lost));
    }),
    {
      interruptAfterTimeLimit: seconds * 1000,
      numRuns: 1_000_000,
      markInterruptAsFailure: false,
    },
  );
});

afterEach(() => {
  assert.ok(descriptors() < 100, 'descriptors are left open');
});
