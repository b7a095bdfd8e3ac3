import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenOut, OpenReply, requests } from '../../src/fuse/index.ts';
import { fails, Guest } from './fs-guest.ts';

const ROOT = 1;
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_RDWR = 2;
const O_APPEND = 0o2000;
const O_TRUNC = 0o1000;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const ZERO_RANGE = 16;
const MIB = 2 ** 20;

function opened(options: Record<string, unknown> = {}) {
  const guest = Guest.mounted(options);
  const { entry, handle } = guest.client.create(ROOT, 'file', O_RDWR, 0o644);
  return {
    guest,
    client: guest.client,
    node: entry.node,
    handle,
    [Symbol.dispose]: () => guest[Symbol.dispose](),
  };
}

function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 0xff);
}

for (const piece of [13, 4096, 2 * MIB])
  test(`what is written is read, through segments of at most ${piece} bytes`, () => {
    using f = opened();
    f.guest.piece = piece;
    const data = pattern(100_000);
    assert.equal(f.client.write(f.node, f.handle, 5000, data), data.length);
    assert.equal(f.client.getattr(f.node).size, 105_000);
    assert.deepEqual(f.client.read(f.node, f.handle, 5000, data.length), data);
    assert.deepEqual(f.client.read(f.node, f.handle, 0, 5000), new Uint8Array(5000));
    assert.deepEqual(f.client.read(f.node, f.handle, 104_990, 4096), data.subarray(-10));
    assert.equal(f.client.read(f.node, f.handle, 105_000, 4096).length, 0);
    assert.equal(f.client.read(f.node, f.handle, 2 ** 62, 4096).length, 0);
  });

test('a write of a mebibyte goes through', () => {
  using f = opened();
  const data = pattern(MIB);
  assert.equal(f.client.write(f.node, f.handle, 3, data), MIB);
  assert.deepEqual(f.client.read(f.node, f.handle, 3, MIB), data);
});

test('READ is never longer than the chain', () => {
  using f = opened();
  f.client.write(f.node, f.handle, 0, pattern(8192));
  const request = requests.read(f.node, f.handle, 0, 8192);
  assert.deepEqual(f.client.call({ ...request, room: 100 }), pattern(8192).subarray(0, 100));
});

test('handles can do what they were opened for', () => {
  using f = opened();
  const reading = f.client.open(f.node, O_RDONLY);
  const writing = f.client.open(f.node, O_WRONLY);
  fails('EBADF', () => f.client.write(f.node, reading, 0, pattern(1)));
  fails('EBADF', () => f.client.read(f.node, writing, 0, 1));
  fails('EBADF', () => f.client.call(requests.fallocate(f.node, reading, 0, 0, 1)));
  fails('EBADF', () => f.client.read(f.node, 99, 0, 1));
  fails('EBADF', () => f.client.read(ROOT, f.handle, 0, 1));
  f.client.call(requests.release(f.node, f.handle));
  fails('EBADF', () => f.client.read(f.node, f.handle, 0, 1));
  fails('EBADF', () => f.client.call(requests.release(f.node, f.handle)));
});

test('OPEN refuses what is no regular file', () => {
  using f = opened();
  fails('EISDIR', () => f.client.open(ROOT, O_RDONLY));
  fails('ELOOP', () => f.client.open(f.client.symlink(ROOT, 'l', 'x').node, O_RDONLY));
  fails('ENXIO', () => f.client.open(f.client.mknod(ROOT, 'p', 0o010644).node, O_RDONLY));
  fails('ESTALE', () => f.client.open(99, O_RDONLY));
});

test('OPEN with O_TRUNC empties the file and gives its memory back', () => {
  using f = opened();
  f.client.write(f.node, f.handle, 0, pattern(10_000));
  f.client.open(f.node, O_WRONLY | O_TRUNC);
  assert.equal(f.client.getattr(f.node).size, 0);
  assert.equal(f.client.statfs().blocksFree, f.client.statfs().blocks);
});

test('the guest keeps its page cache; without record locks it need not FLUSH', () => {
  using f = opened();
  const flags = (guest: Guest): number =>
    OpenOut.decode(guest.client.call(requests.open(guest.client.lookup(ROOT, 'file').node, O_RDONLY)))
      .openFlags;
  assert.equal(flags(f.guest), OpenReply.keepCache | OpenReply.noFlush);
  using locking = opened({ locks: 'device' });
  assert.equal(flags(locking.guest), OpenReply.keepCache);
});

test('O_APPEND writes go where the guest says, in whatever order they come', () => {
  using f = opened();
  const handle = f.client.open(f.node, O_WRONLY | O_APPEND);
  f.client.write(f.node, handle, 4, Buffer.from('late'));
  f.client.write(f.node, handle, 0, Buffer.from('soon'));
  assert.equal(Buffer.from(f.client.read(f.node, f.handle, 0, 100)).toString(), 'soonlate');
});

test('offsets that no file can have are refused', () => {
  using f = opened();
  const data = pattern(10);
  fails('EFBIG', () => f.client.write(f.node, f.handle, 2n ** 62n, data));
  fails('EFBIG', () => f.client.write(f.node, f.handle, 2 ** 52 - 1, data));
  for (const offset of [2n ** 63n, 2n ** 64n - 1n]) {
    fails('EINVAL', () => f.client.write(f.node, f.handle, offset, data));
    fails('EINVAL', () => f.client.read(f.node, f.handle, offset, 10));
    fails('EINVAL', () => f.client.call(requests.fallocate(f.node, f.handle, 0, offset, 1)));
    fails('EINVAL', () => f.client.call(requests.fallocate(f.node, f.handle, 0, 0, offset)));
    fails('ENXIO', () => f.client.lseek(f.node, f.handle, offset, SEEK_DATA));
  }
  fails('EFBIG', () => f.client.call(requests.fallocate(f.node, f.handle, 0, 2 ** 52, 1)));
  assert.equal(f.client.getattr(f.node).size, 0);
});

test('a full file system takes no more, and takes again what was given back', () => {
  using f = opened({ memory: 65536 });
  f.client.write(f.node, f.handle, 0, pattern(65536));
  assert.equal(f.client.statfs().blocksFree, 0);
  fails('ENOSPC', () => f.client.write(f.node, f.handle, 65536, pattern(1)));
  fails('ENOSPC', () => f.client.call(requests.fallocate(f.node, f.handle, 0, 65536, 4096)));
  assert.equal(f.client.write(f.node, f.handle, 4096, pattern(4096, 9)), 4096);
  f.client.call(requests.fallocate(f.node, f.handle, KEEP_SIZE | PUNCH_HOLE, 8192, 4096));
  assert.equal(f.client.write(f.node, f.handle, 65536, pattern(1)), 1);
});

test('a write that does not fit is written as far as it does, to the last byte', () => {
  using f = opened({ memory: 65536 });
  const data = pattern(100_000);
  assert.equal(f.client.write(f.node, f.handle, 10, data), 65_526);
  assert.deepEqual(f.client.read(f.node, f.handle, 10, 100_000), data.subarray(0, 65_526));
  fails('ENOSPC', () => f.client.write(f.node, f.handle, 65_536, data));
  f.client.setattr(f.node, { valid: 8, size: 65_000 });
  assert.equal(f.client.write(f.node, f.handle, 65_000, data), 536);
  f.client.call(requests.fallocate(f.node, f.handle, KEEP_SIZE | PUNCH_HOLE, 0, 8192));
  assert.equal(f.client.write(f.node, f.handle, 100, data), 12_188);
  assert.equal(f.client.statfs().blocksFree, 0);
});

test('FALLOCATE reserves, punches and zeroes, and refuses the rest', () => {
  using f = opened();
  const { client, node, handle } = f;
  const allocate = (mode: number, offset: number, length: number): void => {
    client.call(requests.fallocate(node, handle, mode, offset, length));
  };
  client.write(node, handle, 0, pattern(20_000));
  allocate(PUNCH_HOLE | KEEP_SIZE, 4096, 8192);
  assert.deepEqual(client.read(node, handle, 4096, 8192), new Uint8Array(8192));
  assert.equal(client.getattr(node).size, 20_000);
  allocate(ZERO_RANGE, 19_000, 2000);
  assert.equal(client.getattr(node).size, 21_000);
  assert.deepEqual(client.read(node, handle, 19_000, 5000), new Uint8Array(2000));
  allocate(KEEP_SIZE, 0, 100_000);
  assert.equal(client.getattr(node).size, 21_000);
  allocate(0, 0, 100_000);
  assert.deepEqual([client.getattr(node).size, client.getattr(node).blocks], [100_000, 200]);
  for (const mode of [PUNCH_HOLE, 8, 32, 64, 0x8000]) fails('EOPNOTSUPP', () => allocate(mode, 0, 4096));
  fails('EINVAL', () => allocate(0, 0, 0));
});

test('LSEEK finds data and holes', () => {
  using f = opened();
  const { client, node, handle } = f;
  client.write(node, handle, 0, pattern(4096));
  client.write(node, handle, 40_960, pattern(100));
  assert.equal(client.lseek(node, handle, 0, SEEK_HOLE), 4096);
  assert.equal(client.lseek(node, handle, 5000, SEEK_DATA), 40_960);
  assert.equal(client.lseek(node, handle, 40_960, SEEK_HOLE), 41_060);
  fails('ENXIO', () => client.lseek(node, handle, 41_060, SEEK_DATA));
  for (const whence of [0, 1, 2, 5]) fails('EINVAL', () => client.lseek(node, handle, 0, whence));
  fails('EBADF', () => client.lseek(node, 99, 0, SEEK_DATA));
});

test('COPY_FILE_RANGE copies between files and within one', () => {
  using f = opened();
  const { client, node, handle } = f;
  const data = pattern(30_000);
  client.write(node, handle, 0, data);
  const other = client.create(ROOT, 'other', O_RDWR, 0o644);
  const base = { handle, offset: 100, outNode: other.entry.node, outHandle: other.handle, outOffset: 7 };
  const wide = client.call(requests.copyFileRange64(node, { ...base, length: 10_000 }));
  assert.equal(new DataView(wide.buffer, wide.byteOffset).getBigUint64(0, true), 10_000n);
  assert.deepEqual(client.read(other.entry.node, other.handle, 7, 20_000), data.subarray(100, 10_100));
  const short = client.call(requests.copyFileRange(node, { ...base, offset: 29_000, length: 5000 }));
  assert.equal(new DataView(short.buffer, short.byteOffset).getUint32(0, true), 1000);
  const within = { handle, outNode: node, outHandle: handle };
  client.call(requests.copyFileRange(node, { ...within, offset: 0, outOffset: 50_000, length: 1000 }));
  assert.deepEqual(client.read(node, handle, 50_000, 1000), data.subarray(0, 1000));
  fails('EINVAL', () =>
    client.call(requests.copyFileRange(node, { ...within, offset: 0, outOffset: 500, length: 1000 })),
  );
});

test('COPY_FILE_RANGE wants two open files with the right modes', () => {
  using f = opened();
  const { client, node, handle } = f;
  const reading = client.open(node, O_RDONLY);
  const writing = client.open(node, O_WRONLY);
  const range = { offset: 0, outOffset: 9000, length: 10 };
  const copy = (from: number, outNode: number, to: number): unknown =>
    client.call(requests.copyFileRange64(node, { ...range, handle: from, outNode, outHandle: to }));
  fails('EBADF', () => copy(writing, node, handle));
  fails('EBADF', () => copy(handle, node, reading));
  fails('EBADF', () => copy(handle, ROOT, handle));
  fails('EBADF', () => copy(99, node, handle));
  fails('EBADF', () => copy(handle, node, 99));
});

test('one copy is bounded, and the guest goes on from where it ended', () => {
  using f = opened({ memory: 128 * MIB });
  const { client, node, handle } = f;
  client.setattr(node, { valid: 8, size: 100 * MIB });
  client.write(node, handle, 0, pattern(10));
  const other = client.create(ROOT, 'other', O_RDWR, 0o644);
  let copied = 0;
  for (let rounds = 0; copied < 100 * MIB; rounds++) {
    assert.ok(rounds < 10);
    const answer = client.call(
      requests.copyFileRange64(node, {
        handle,
        offset: copied,
        outNode: other.entry.node,
        outHandle: other.handle,
        outOffset: copied,
        length: 100 * MIB - copied,
      }),
    );
    copied += Number(new DataView(answer.buffer, answer.byteOffset).getBigUint64(0, true));
  }
  assert.equal(client.getattr(other.entry.node).size, 100 * MIB);
  assert.equal(client.getattr(other.entry.node).blocks, 8);
});

test('a deleted file is read and written through its handle, and its memory comes back at the end', () => {
  using f = opened();
  const { client, node, handle } = f;
  client.write(node, handle, 0, pattern(50_000));
  client.call(requests.unlink(ROOT, 'file'));
  client.forget(node, 1);
  client.write(node, handle, 50_000, pattern(10));
  assert.equal(client.getattr(node, handle).size, 50_010);
  assert.deepEqual(client.read(node, handle, 0, 50_000), pattern(50_000));
  client.call(requests.flush(node, handle));
  client.call(requests.fsync(node, handle));
  client.call(requests.release(node, handle));
  const { blocks, blocksFree } = client.statfs();
  assert.equal(blocksFree, blocks);
});
