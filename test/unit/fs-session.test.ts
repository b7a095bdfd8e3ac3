import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFsDevice } from '../../src/devices/fs/index.ts';
import { operations } from '../../src/devices/fs/operations/table.ts';
import { CLIENT_FLAGS, FUSE_MINOR, InitFlag, InitOut, Opcode, requests } from '../../src/fuse/index.ts';
import { fails, Guest, namesIn } from './fs-guest.ts';

const ROOT = 1;
const EVERYTHING = 0xffffffff_ffffffffn;

function flagsOf({ flags, flags2 }: { flags: number; flags2: number }): bigint {
  return BigInt(flags) | (BigInt(flags2) << 32n);
}

function names(flags: bigint): string[] {
  return Object.entries(InitFlag)
    .filter(([, bit]) => (flags & bit) !== 0n)
    .map(([name]) => name);
}

const AGREED = [
  'asyncRead',
  'atomicTruncate',
  'exportSupport',
  'bigWrites',
  'readdirplus',
  'readdirplusAuto',
  'asyncDirectIo',
  'parallelDirectoryOperations',
  'maxPages',
  'cacheSymlinks',
  'explicitInvalidateData',
  'handleKillPrivilegesV2',
  'setxattrExtended',
  'initExtended',
  'securityContext',
  'allowIdmap',
];

test('of all that a kernel can offer the device agrees to what it means, and to no unknown bit', () => {
  using guest = new Guest();
  const init = guest.client.init(EVERYTHING);
  assert.deepEqual(names(flagsOf(init)), AGREED);
  const known = Object.values(InitFlag).reduce((all, bit) => all | bit, 0n);
  assert.equal(flagsOf(init) & ~known, 0n);
  assert.deepEqual(
    [init.major, init.minor, init.maxWrite, init.maxPages, init.timeGranularity, init.maxReadahead],
    [7, FUSE_MINOR, 2 ** 20, 256, 1, 131072],
  );
});

test('locks are agreed to where the device is to keep them', () => {
  using guest = new Guest({ locks: 'device' });
  assert.deepEqual(names(flagsOf(guest.client.init(EVERYTHING)) & 0x403n), [
    'asyncRead',
    'posixLocks',
    'flockLocks',
  ]);
});

test('nothing is agreed to that was not offered', () => {
  using guest = new Guest();
  assert.equal(flagsOf(guest.client.init(InitFlag.asyncRead | InitFlag.bigWrites)), 0x21n);
  assert.equal(guest.device.fileSystem.session?.flags, 0x21n);
  guest.client.init(CLIENT_FLAGS & ~InitFlag.initExtended);
  assert.equal((guest.device.fileSystem.session?.flags ?? 0n) >> 32n, 0n);
});

test('the lower of the two minor versions is spoken, down to the first one with virtio-fs', () => {
  using guest = new Guest();
  assert.equal(guest.client.init(CLIENT_FLAGS, 31).minor, 31);
  assert.equal(guest.client.init(CLIENT_FLAGS, 99).minor, FUSE_MINOR);
  fails('EPROTO', () => guest.client.init(CLIENT_FLAGS, 30));
});

test('a newer major version is answered with ours, an older one refused', () => {
  using guest = new Guest();
  const init = { minor: 0, maxReadahead: 0, flags: 0, flags2: 0 };
  const answer = InitOut.decode(guest.client.call(requests.init({ ...init, major: 8 })));
  assert.deepEqual([answer.major, answer.flags, answer.maxWrite], [7, 0, 0]);
  assert.equal(guest.device.fileSystem.session, undefined);
  fails('EPROTO', () => guest.client.call(requests.init({ ...init, major: 6 })));
});

test('a kernel without INIT_EXT sends the short request', () => {
  using guest = new Guest();
  const request = requests.init({ major: 7, minor: 35, maxReadahead: 4096, flags: 1, flags2: 0 });
  const short = { ...request, arguments: [request.arguments[0]!.subarray(0, 16)] };
  assert.equal(InitOut.decode(guest.client.call(short)).minor, 35);
});

test('before INIT nothing else is served', () => {
  using guest = new Guest();
  fails('EIO', () => guest.client.getattr(ROOT));
  fails('EIO', () => guest.client.mkdir(ROOT, 'x', 0o755));
  guest.client.init();
  assert.equal(guest.client.getattr(ROOT).mode, 0o040755);
});

/** What a boot of the guest leaves behind: references, handles, locks, a deleted file that is open. */
function busy(guest: Guest): void {
  const { client } = guest;
  const kept = client.create(ROOT, 'kept', 2, 0o644);
  client.write(kept.entry.node, kept.handle, 0, Buffer.from('kept'));
  const gone = client.create(ROOT, 'gone', 2, 0o644);
  client.write(gone.entry.node, gone.handle, 0, new Uint8Array(100_000));
  client.call(requests.unlink(ROOT, 'gone'));
  client.tmpfile(ROOT, 2, 0o600);
  const folder = client.mkdir(ROOT, 'folder', 0o755).node;
  client.opendir(folder);
  client.call(requests.rmdir(ROOT, 'folder'));
  client.call(requests.setlk(kept.entry.node, { handle: kept.handle, owner: 1n, type: 1 }));
}

function remains({ device }: Guest): unknown {
  const { inodes, files, directories, locks, contents } = device.fileSystem;
  return {
    inodes: inodes.size,
    lookups: [...inodes.values()].reduce((sum, inode) => sum + inode.lookups + inode.opens, 0),
    handles: files.size + directories.size,
    locks: locks.held,
    pages: contents.totalPages - contents.freePages,
  };
}

const clean = { inodes: 2, lookups: 0, handles: 0, locks: 0, pages: 1 };

for (const [what, end] of [
  ['a new driver', (guest: Guest) => guest.device.reset()],
  ['an unmount', (guest: Guest) => guest.client.call(requests.destroy())],
  ['another INIT', (guest: Guest) => guest.client.init()],
] as const)
  test(`${what} drops what belonged to that boot of the guest and keeps the files`, () => {
    using guest = Guest.mounted();
    busy(guest);
    assert.deepEqual(remains(guest), { inodes: 5, lookups: 8, handles: 4, locks: 1, pages: 26 });
    end(guest);
    assert.deepEqual(remains(guest), clean);
    if (guest.device.fileSystem.session === undefined) fails('EIO', () => guest.client.getattr(ROOT));
    guest.client.init();
    const { node } = guest.client.lookup(ROOT, 'kept');
    assert.equal(Buffer.from(guest.client.read(node, guest.client.open(node, 0), 0, 9)).toString(), 'kept');
    assert.deepEqual(namesIn(guest, ROOT), ['.', '..', 'kept']);
  });

test('an INIT that is refused leaves the session as it is', () => {
  using guest = Guest.mounted();
  busy(guest);
  fails('EPROTO', () => guest.client.init(CLIENT_FLAGS, 5));
  assert.equal(guest.client.getattr(ROOT).nlink, 2);
  assert.equal(guest.device.fileSystem.files.size, 3);
});

/** ACCESS, BMAP, POLL, SETUPMAPPING, REMOVEMAPPING: Linux stops asking. NOTIFY_REPLY answers what is never asked. */
const NOT_SERVED: readonly number[] = [34, 37, 40, 41, 48, 49];

test('every request that Linux knows is served, but for those that it can do without', () => {
  for (const [name, opcode] of Object.entries(Opcode))
    assert.equal(operations.find(opcode) === undefined, NOT_SERVED.includes(opcode), name);
});

test('what Linux can do without is answered so that it does', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const bare = (opcode: number) => ({ opcode, node: ROOT, arguments: [new Uint8Array(64)], room: 64 });
  fails('ENOSYS', () => client.call(requests.access(ROOT, 4)));
  for (const opcode of [37, 40, 48, 49, 54, 4096]) fails('ENOSYS', () => client.call(bare(opcode)));
  fails('ENOTTY', () => client.call(bare(39)));
  client.call(requests.syncfs(ROOT));
});

test('the configuration space has the tag and the number of request queues', () => {
  using device = createFsDevice({ memory: 2 ** 20, tag: 'schön', requestQueues: 3 });
  assert.ok(device.config !== undefined);
  const config = device.config.read(0, 100);
  assert.equal(config.length, 40);
  assert.equal(Buffer.from(config.subarray(0, 7)).toString('hex'), '736368c3b66e00');
  assert.ok(config.subarray(6, 36).every((byte) => byte === 0));
  assert.deepEqual(device.config.read(36, 4), Uint8Array.of(3, 0, 0, 0));
  assert.equal(device.config.read(40, 4).length, 0);
  assert.deepEqual(device.queues, { count: 4, maxSize: 1024 });
  assert.deepEqual([device.identity.name, device.identity.virtioId, device.features], ['fs', 26, 0n]);
});

test('without a tag there is no configuration space: the front end has its own', () => {
  using device = createFsDevice({ memory: 2 ** 20 });
  assert.equal(device.config, undefined);
});

test('options that make no sense are refused by name', () => {
  const memory = 2 ** 20;
  for (const [options, code, word] of [
    [undefined, 'ERR_FS_OPTIONS', /list/],
    [{}, 'ERR_FS_OPTIONS', /memory/],
    [{ memory: 100 }, 'ERR_FS_OPTIONS', /memory/],
    [{ memory: 2.5e6 + 0.5 }, 'ERR_FS_OPTIONS', /memory/],
    [{ memory, from: 5 }, 'ERR_FS_OPTIONS', /from/],
    [{ memory, tag: 5 }, 'ERR_FS_OPTIONS', /tag/],
    [{ memory, tag: '' }, 'ERR_FS_TAG', /tag/],
    [{ memory, tag: 'x'.repeat(37) }, 'ERR_FS_TAG', /37 bytes/],
    [{ memory, tag: 'a\0b' }, 'ERR_FS_TAG', /tag/],
    [{ memory, requestQueues: 0 }, 'ERR_FS_OPTIONS', /requestQueues/],
    [{ memory, requestQueues: 65 }, 'ERR_FS_OPTIONS', /requestQueues/],
    [{ memory, locks: 'nobody' }, 'ERR_FS_OPTIONS', /locks/],
  ] as const)
    assert.throws(() => createFsDevice(options), { code, message: word });
});
