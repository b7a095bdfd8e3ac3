/** Requests that are plausible, then bent: the fs device answers each, and what it holds stays in order. */
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
  replyRoom,
  requests,
} from '../../src/fuse/index.ts';
import { Guest } from '../unit/fs-guest.ts';
import { checkInvariants } from '../unit/fs-invariants.ts';

const seconds = Number(process.env.FERRY_FUZZ_SECONDS ?? 2);
const seed = Number(process.env.FERRY_FUZZ_SEED ?? Date.now() % 2 ** 31);
const SILENT: readonly number[] = [Opcode.forget, Opcode.batchForget, Opcode.interrupt];

type Random = (below: number) => number;

/** A small generator of numbers that a seed repeats (xorshift32). */
function generator(start: number): Random {
  let state = start | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)]!;
}

/** A request about what is there, or nearly. */
function plausible(guest: Guest, random: Random): FuseRequest {
  const { inodes, files, directories } = guest.device.fileSystem;
  const node = pick(random, [1, ...inodes.keys(), random(40)]);
  const folder = pick(random, [1, 1, ...[...inodes.values()].filter((i) => i.directory).map((i) => i.ino)]);
  const open = pick(random, [...files.values(), { handle: random(20), inode: { ino: node } }]);
  const listed = pick(random, [...directories.values(), { handle: random(20), inode: { ino: folder } }]);
  const name = pick(random, ['a', 'b', 'c', 'd', 'e'.repeat(255), `n${random(30)}`]);
  const other = pick(random, ['a', 'b', 'c', 'd']);
  const to = pick(random, [1, folder, node]);
  const { handle } = open;
  const file = open.inode.ino;
  const offset = pick(random, [0, 1, 4096, random(100_000), 2 ** 40, 2 ** 52]);
  const length = pick(random, [0, 1, 4096, random(30_000), 2 ** 40]);
  const data = new Uint8Array(random(9000)).fill(random(256));
  const lock = { handle, owner: BigInt(random(3)), type: random(4), flock: random(2) === 0 };
  const copy = {
    handle,
    offset: random(9000),
    outNode: file,
    outHandle: handle,
    outOffset: random(99_000),
    length,
  };
  const choices: readonly (() => FuseRequest)[] = [
    () => requests.lookup(folder, pick(random, [name, '.', '..'])),
    () => requests.forget(node, random(4)),
    () =>
      requests.batchForget([
        { node, lookups: random(3) },
        { node: random(50), lookups: 1 },
      ]),
    () => requests.getattr(node, random(2) === 0 ? undefined : handle),
    () =>
      requests.setattr(node, {
        valid: random(4096),
        handle,
        size: offset,
        mode: random(65536),
        uid: random(9),
      }),
    () => requests.statx(node, 0xfff),
    () => requests.readlink(node),
    () => requests.symlink(folder, name, 'x'.repeat(1 + random(4100))),
    () =>
      requests.mknod(folder, name, pick(random, [0o100644, 0o010600, 0o020600, random(65536)]), random(999)),
    () => requests.mkdir(folder, name, random(4096)),
    () => requests.unlink(folder, name),
    () => requests.rmdir(folder, name),
    () => requests.rename(folder, name, to, other),
    () => requests.rename2(folder, name, to, other, random(8)),
    () => requests.link(node, folder, name),
    () => requests.open(node, pick(random, [0, 1, 2, 2 | 0o1000]), random(2)),
    () => requests.create(folder, name, 2, random(4096)),
    () => requests.tmpfile(folder, 2, 0o600),
    () => requests.read(file, handle, offset, random(70_000)),
    () => requests.write(file, handle, offset, data, random(8)),
    () => requests.fallocate(file, handle, pick(random, [0, 1, 3, 16, 17, random(128)]), offset, length),
    () => requests.lseek(file, handle, offset, 3 + random(2)),
    () => requests.copyFileRange(file, copy),
    () => requests.copyFileRange64(file, copy),
    () => requests.statfs(node),
    () => requests.setxattr(node, `user.${name.slice(0, 200)}`, data, random(4)),
    () => requests.getxattr(node, 'user.a', random(9000)),
    () => requests.listxattr(node, random(900)),
    () => requests.removexattr(node, 'user.a'),
    () => requests.opendir(folder),
    () => requests.readdir(listed.inode.ino, listed.handle, random(40), random(5000)),
    () => requests.readdirplus(listed.inode.ino, listed.handle, random(40), random(5000)),
    () => requests.releasedir(listed.inode.ino, listed.handle),
    () => requests.getlk(file, lock),
    () => requests.setlk(file, lock),
    () => requests.setlkw(file, lock),
    () => requests.interrupt(BigInt(random(2000)) * 2n),
    () => requests.flush(file, handle, lock.owner),
    () => requests.release(file, handle, random(4), lock.owner),
    () => (random(200) === 0 ? requests.destroy() : requests.syncfs(node)),
  ];
  return pick(random, choices)();
}

/** Change some bytes of a request, its length, or nothing. */
function bend(bytes: Uint8Array, random: Random): Uint8Array {
  if (random(3) > 0) return bytes;
  const bent = random(4) === 0 ? bytes.slice(0, random(bytes.length + 1)) : bytes.slice();
  for (let i = random(4); i > 0 && bent.length > 4; i--)
    bent[random(bent.length)] = pick(random, [0, 1, 0x7f, 0x80, 0xff, random(256)]);
  if (bent.length >= IN_HEADER && random(3) > 0) new DataView(bent.buffer).setUint32(0, bent.length, true);
  return bent;
}

test('every request is answered in form, and the file system stays in order', () => {
  console.log(`seed ${seed}`);
  const random = generator(seed);
  const end = performance.now() + seconds * 1000;
  let served = 0;
  let succeeded = 0;
  while (performance.now() < end || succeeded === 0) {
    using guest = Guest.mounted({ memory: 2 ** 20, locks: 'device' });
    for (let step = 0; step < 400; step++) {
      const request = plausible(guest, random);
      const bytes = bend(encodeRequest(request, BigInt(step) * 2n), random);
      guest.piece = pick(random, [7, 64, 4096]);
      const room = random(20) === 0 ? random(200) : replyRoom(request);
      const answer = guest.send(bytes, room);
      served++;
      if (guest.device.fileSystem.session === undefined) guest.client.init();
      if (answer === undefined || answer.length === 0) {
        const opcode = bytes.length < IN_HEADER ? 0 : InHeader.decode(bytes).opcode;
        const expected =
          answer === undefined ? opcode === Opcode.setlkw : room < OUT_HEADER || SILENT.includes(opcode);
        assert.ok(expected, `seed ${seed}: opcode ${opcode} with room for ${room} bytes was not answered`);
        continue;
      }
      const { error, unique } = decodeReply(answer);
      if (bytes.length >= IN_HEADER) assert.equal(unique, InHeader.decode(bytes).unique);
      if (error === 0) succeeded++;
    }
    checkInvariants(guest.device.fileSystem);
    guest.device.reset();
    checkInvariants(guest.device.fileSystem);
  }
  console.log(`${served} requests, ${succeeded} done`);
});
