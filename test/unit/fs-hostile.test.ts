import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeReply,
  encodeRequest,
  type FuseRequest,
  IN_HEADER,
  InHeader,
  Opcode,
  OUT_HEADER,
  REQUEST_SCRATCH,
  replyRoom,
  requests,
} from '../../src/fuse/index.ts';
import { ChainReader, ChainWriter, Segments } from '../../src/virtio/index.ts';
import { fails, Guest, namesIn } from './fs-guest.ts';

const ROOT = 1;
const EINVAL = 22;
const ENOSYS = 38;
const E2BIG = 7;

/** The error that raw bytes are answered with. */
function errorOf(guest: Guest, bytes: Uint8Array, room = 4096): number {
  return decodeReply(guest.send(bytes, room)!).error;
}

function header(change: Partial<ReturnType<typeof InHeader.decode>>, length = IN_HEADER): Uint8Array {
  const bytes = new Uint8Array(length);
  const base = {
    length,
    opcode: Opcode.getattr,
    unique: 2n,
    node: 1n,
    uid: 0,
    gid: 0,
    pid: 0,
    extensions: 0,
  };
  InHeader.encodeInto({ ...base, ...change }, bytes);
  return bytes;
}

test('a header that is cut short is answered without a number', () => {
  using guest = Guest.mounted();
  for (const length of [0, 1, 39]) {
    const { error, unique } = decodeReply(guest.send(new Uint8Array(length).fill(0xff), 200)!);
    assert.deepEqual([error, unique], [EINVAL, 0n]);
  }
});

test('a length that disagrees with the chain is refused', () => {
  using guest = Guest.mounted();
  for (const length of [0, 39, 55, 57, 0xffffffff])
    assert.equal(errorOf(guest, header({ length }, 56)), EINVAL);
  assert.equal(errorOf(guest, header({ length: 56 }, 56)), 0);
});

test('opcodes that nobody serves are answered with ENOSYS, however odd', () => {
  using guest = Guest.mounted();
  for (const opcode of [0, 7, 19, 41, 54, 100, 4096, 0x1a000000, 0x7fffffff, 0xffffffff])
    assert.equal(errorOf(guest, header({ opcode }, 200)), ENOSYS);
});

/** One request of each kind, about things that are there. */
function samples(guest: Guest): FuseRequest[] {
  const { client } = guest;
  const { entry, handle } = client.create(ROOT, 'file', 2, 0o644);
  const { node } = entry;
  const directory = client.opendir(ROOT);
  const link = client.symlink(ROOT, 'link', 'x').node;
  const lock = { handle, owner: 1n, type: 1 };
  const copy = { handle, offset: 0, outNode: node, outHandle: handle, outOffset: 9, length: 1 };
  return [
    requests.lookup(ROOT, 'file'),
    requests.getattr(node, handle),
    requests.setattr(node, { valid: 1, mode: 0o600 }),
    requests.statx(node, 0xfff),
    requests.readlink(link),
    requests.symlink(ROOT, 'symlink', 'target'),
    requests.mknod(ROOT, 'node', 0o100644),
    requests.mkdir(ROOT, 'dir', 0o755),
    requests.rename(ROOT, 'link', ROOT, 'renamed'),
    requests.rename2(ROOT, 'renamed', ROOT, 'link', 1),
    requests.link(node, ROOT, 'hard'),
    requests.unlink(ROOT, 'hard'),
    requests.rmdir(ROOT, 'dir'),
    requests.open(node, 2),
    requests.create(ROOT, 'created', 2, 0o644),
    requests.tmpfile(ROOT, 2, 0o600),
    requests.write(node, handle, 0, Buffer.from('hello')),
    requests.read(node, handle, 0, 100),
    requests.fallocate(node, handle, 0, 0, 5),
    requests.lseek(node, handle, 0, 3),
    requests.copyFileRange(node, copy),
    requests.copyFileRange64(node, copy),
    requests.statfs(ROOT),
    requests.syncfs(ROOT),
    requests.setxattr(node, 'user.a', Buffer.from('value')),
    requests.getxattr(node, 'user.a', 100),
    requests.listxattr(node, 100),
    requests.removexattr(node, 'user.a'),
    requests.readdir(ROOT, directory, 0, 4096),
    requests.readdirplus(ROOT, directory, 0, 4096),
    requests.fsyncdir(ROOT, directory),
    requests.getlk(node, lock),
    requests.setlk(node, lock),
    requests.setlkw(node, lock),
    requests.flush(node, handle),
    requests.fsync(node, handle),
    requests.release(node, handle),
    requests.releasedir(ROOT, directory),
  ];
}

test('each kind of request is served as it stands', () => {
  using guest = Guest.mounted();
  for (const request of samples(guest)) guest.client.call(request);
});

test('each kind of request, cut short anywhere, is refused or served, and nothing breaks', () => {
  using guest = Guest.mounted();
  for (const request of samples(guest)) {
    const whole = encodeRequest(request, 8n);
    for (let length = IN_HEADER; length < whole.length; length++) {
      const cut = whole.slice(0, length);
      new DataView(cut.buffer).setUint32(0, length, true);
      const { error, unique } = decodeReply(guest.send(cut, replyRoom(request))!);
      assert.equal(unique, 8n);
      assert.ok(error !== 0, `opcode ${request.opcode} of ${whole.length} bytes was served with ${length}`);
    }
  }
  assert.deepEqual(namesIn(guest, ROOT), ['.', '..', 'file', 'link']);
});

test('each kind of request, with too little room for its reply, does nothing but say so', () => {
  using guest = Guest.mounted();
  for (const request of samples(guest)) {
    const bytes = encodeRequest(request, 8n);
    const least = LEAST_REPLY.get(request.opcode);
    for (let room = 0; room < OUT_HEADER; room++) assert.equal(guest.send(bytes, room)?.length, 0);
    if (least === undefined) continue;
    for (const room of [OUT_HEADER, least - 1]) assert.equal(errorOf(guest, bytes, room), EINVAL);
  }
  assert.deepEqual(namesIn(guest, ROOT), ['.', '..', 'file', 'link']);
  const file = guest.client.lookup(ROOT, 'file').node;
  assert.equal(guest.device.fileSystem.inodes.get(file)?.lookups, 2);
  assert.equal(guest.device.fileSystem.files.size, 1);
});

/** Replies that have one size, with their headers. */
const LEAST_REPLY = new Map<number, number>([
  ...[Opcode.lookup, Opcode.symlink, Opcode.mknod, Opcode.mkdir, Opcode.link].map((o) => [o, 144] as const),
  ...[Opcode.create, Opcode.tmpfile].map((o) => [o, 160] as const),
  ...[Opcode.getattr, Opcode.setattr].map((o) => [o, 120] as const),
  ...[Opcode.write, Opcode.lseek, Opcode.copyFileRange, Opcode.copyFileRange64].map((o) => [o, 24] as const),
  [Opcode.open, 32],
  [Opcode.statfs, 96],
  [Opcode.statx, 304],
  [Opcode.getlk, 40],
]);

test('nodes that are not there are stale, whatever is asked of them', () => {
  using guest = Guest.mounted();
  const handles = new Set<number>(HANDLE_REQUESTS);
  for (const request of samples(guest)) {
    if (handles.has(request.opcode)) continue;
    for (const node of [0n, 999n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      const bytes = encodeRequest(request, 8n);
      new DataView(bytes.buffer).setBigUint64(InHeader.offsets.node, node, true);
      const error = errorOf(guest, bytes, replyRoom(request));
      assert.ok([116, 0].includes(error), `opcode ${request.opcode} on ${node}: ${error}`);
      if (error === 0) assert.ok(ANY_NODE.includes(request.opcode), `opcode ${request.opcode} was served`);
    }
  }
});

const ANY_NODE: readonly number[] = [Opcode.statfs, Opcode.syncfs, Opcode.fsync, Opcode.fsyncdir];

const HANDLE_REQUESTS: readonly number[] = [
  Opcode.read,
  Opcode.write,
  Opcode.fallocate,
  Opcode.lseek,
  Opcode.copyFileRange,
  Opcode.copyFileRange64,
  Opcode.readdir,
  Opcode.readdirplus,
  Opcode.getlk,
  Opcode.setlk,
  Opcode.setlkw,
  Opcode.flush,
  Opcode.release,
  Opcode.releasedir,
];

test('handles that are not there, or of another node, are bad', () => {
  using guest = Guest.mounted();
  for (const request of samples(guest)) {
    if (!HANDLE_REQUESTS.includes(request.opcode)) continue;
    for (const handle of [0n, 999n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      const bytes = encodeRequest(request, 8n);
      new DataView(bytes.buffer).setBigUint64(IN_HEADER, handle, true);
      assert.equal(
        errorOf(guest, bytes, replyRoom(request)),
        9,
        `opcode ${request.opcode}, handle ${handle}`,
      );
    }
    const elsewhere = encodeRequest({ ...request, node: 999 }, 8n);
    assert.equal(errorOf(guest, elsewhere, replyRoom(request)), 9);
  }
});

test('names without an end are refused', () => {
  using guest = Guest.mounted();
  for (const request of [
    requests.lookup(ROOT, 'name'),
    requests.unlink(ROOT, 'name'),
    requests.symlink(ROOT, 'name', 'target'),
    requests.rename(ROOT, 'name', ROOT, 'other'),
    requests.tmpfile(ROOT, 2, 0o600),
    requests.getxattr(ROOT, 'user.name', 100),
  ]) {
    const parts = request.arguments.slice(0, -1);
    const name = request.arguments.at(-1)!;
    for (const open of [name.subarray(0, -1), name.subarray(0, -1).map(() => 0x61)])
      fails('EINVAL', () => guest.client.call({ ...request, arguments: [...parts, open] }));
  }
});

test('the bytes of an earlier request are not taken for part of a later one', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  client.mknod(ROOT, 'name', 0o100644);
  client.call(requests.lookup(ROOT, 'name'));
  const request = requests.lookup(ROOT, 'name');
  for (let cut = 1; cut < 4; cut++)
    fails('EINVAL', () => client.call({ ...request, arguments: [request.arguments[0]!.subarray(0, -cut)] }));
});

test('a request longer than any can be is refused, a WRITE of any length is not', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const bytes = header({ opcode: Opcode.lookup }, REQUEST_SCRATCH + 1);
  assert.equal(errorOf(guest, bytes), E2BIG);
  const { entry, handle } = client.create(ROOT, 'file', 2, 0o644);
  assert.equal(client.write(entry.node, handle, 0, new Uint8Array(4 * 2 ** 20)), 4 * 2 ** 20);
});

test('a WRITE whose size is not that of its data is refused', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { entry, handle } = client.create(ROOT, 'file', 2, 0o644);
  const request = requests.write(entry.node, handle, 0, new Uint8Array(100));
  for (const data of [new Uint8Array(99), new Uint8Array(101), new Uint8Array(0)])
    fails('EINVAL', () => client.call({ ...request, arguments: [request.arguments[0]!, data] }));
  assert.equal(client.getattr(entry.node).size, 0);
});

test('what FORGET and BATCH_FORGET claim does no harm, and is never answered', () => {
  using guest = Guest.mounted();
  const { client, device } = guest;
  const { node } = client.mknod(ROOT, 'file', 0o100644);
  const batch = requests.batchForget([
    { node, lookups: 2 ** 53 - 1 },
    { node: 0, lookups: 1 },
    { node: ROOT, lookups: 1 },
  ]);
  for (const count of [0, 1, 3, 4, 0xffffffff]) {
    const bytes = encodeRequest(batch, 8n);
    new DataView(bytes.buffer).setUint32(IN_HEADER, count, true);
    assert.equal(guest.send(bytes, 0, 0)?.length, 0);
    assert.equal(guest.send(bytes, 100, 0)?.length, 0);
  }
  for (const lookups of [0n, 2n ** 64n - 1n]) {
    const bytes = encodeRequest(requests.forget(node, 0), 8n);
    new DataView(bytes.buffer).setBigUint64(IN_HEADER, lookups, true);
    assert.equal(guest.send(bytes, 0, 0)?.length, 0);
  }
  assert.equal(device.fileSystem.inodes.get(node)?.lookups, 0);
  assert.equal(client.lookup(ROOT, 'file').node, node);
});

/** A guest that writes over its request as soon as any part of it was read. */
class TreacherousReader extends ChainReader {
  readonly #bytes: Uint8Array;
  readonly #taken = new Set<number>();

  constructor(bytes: Uint8Array) {
    const segments = new Segments();
    segments.push(bytes);
    super(segments);
    this.#bytes = bytes;
  }

  override read(into: Uint8Array, at = 0, length = into.length - at): number {
    const from = this.position;
    const count = super.read(into, at, length);
    for (let i = from; i < from + count; i++) {
      assert.ok(!this.#taken.has(i), `byte ${i} of the request was read twice`);
      this.#taken.add(i);
      this.#bytes[i] = 0xff;
    }
    return count;
  }
}

test('a guest that changes a request while it is looked at gains nothing', () => {
  using guest = Guest.mounted();
  for (const request of samples(guest)) {
    const area = new Uint8Array(replyRoom(request));
    const writable = new Segments();
    writable.push(area);
    const answer = new ChainWriter(writable);
    guest.device.handle({
      queue: 1,
      readable: new TreacherousReader(encodeRequest(request, 8n)),
      writable: answer,
      defer: () => assert.fail('The request was deferred'),
    });
    const { error, unique } = decodeReply(area.subarray(0, answer.written));
    assert.deepEqual([error, unique], [0, 8n], `opcode ${request.opcode}`);
  }
});
