/** Requests that are plausible, then bent: the fs device answers each, and what it holds stays in order. */
import assert from 'node:assert/strict';
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
import { type Draw, fuzz } from './target.ts';

const SILENT: readonly number[] = [Opcode.forget, Opcode.batchForget, Opcode.interrupt];

/** A request about what is there, or nearly. */
function plausible(guest: Guest, draw: Draw): FuseRequest {
  const { inodes, files, directories } = guest.device.fileSystem;
  const node = draw.pick([1, ...inodes.keys(), draw.below(40)]);
  const folder = draw.pick([1, 1, ...[...inodes.values()].filter((i) => i.directory).map((i) => i.ino)]);
  const open = draw.pick([...files.values(), { handle: draw.below(20), inode: { ino: node } }]);
  const listed = draw.pick([...directories.values(), { handle: draw.below(20), inode: { ino: folder } }]);
  const name = draw.pick(['a', 'b', 'c', 'd', 'e'.repeat(255), `n${draw.below(30)}`]);
  const other = draw.pick(['a', 'b', 'c', 'd']);
  const to = draw.pick([1, folder, node]);
  const { handle } = open;
  const file = open.inode.ino;
  const offset = draw.pick([0, 1, 4096, draw.below(100_000), 2 ** 40, 2 ** 52]);
  const length = draw.pick([0, 1, 4096, draw.below(30_000), 2 ** 40]);
  const data = new Uint8Array(draw.below(9000)).fill(draw.below(256));
  const lock = { handle, owner: BigInt(draw.below(3)), type: draw.below(4), flock: draw.below(2) === 0 };
  const copy = {
    handle,
    offset: draw.below(9000),
    outNode: file,
    outHandle: handle,
    outOffset: draw.below(99_000),
    length,
  };
  const choices: readonly (() => FuseRequest)[] = [
    () => requests.lookup(folder, draw.pick([name, '.', '..'])),
    () => requests.forget(node, draw.below(4)),
    () =>
      requests.batchForget([
        { node, lookups: draw.below(3) },
        { node: draw.below(50), lookups: 1 },
      ]),
    () => requests.getattr(node, draw.below(2) === 0 ? undefined : handle),
    () =>
      requests.setattr(node, {
        valid: draw.below(4096),
        handle,
        size: offset,
        mode: draw.below(65536),
        uid: draw.below(9),
      }),
    () => requests.statx(node, 0xfff),
    () => requests.readlink(node),
    () => requests.symlink(folder, name, 'x'.repeat(1 + draw.below(4100))),
    () =>
      requests.mknod(
        folder,
        name,
        draw.pick([0o100644, 0o010600, 0o020600, draw.below(65536)]),
        draw.below(999),
      ),
    () => requests.mkdir(folder, name, draw.below(4096)),
    () => requests.unlink(folder, name),
    () => requests.rmdir(folder, name),
    () => requests.rename(folder, name, to, other),
    () => requests.rename2(folder, name, to, other, draw.below(8)),
    () => requests.link(node, folder, name),
    () => requests.open(node, draw.pick([0, 1, 2, 2 | 0o1000]), draw.below(2)),
    () => requests.create(folder, name, 2, draw.below(4096)),
    () => requests.tmpfile(folder, 2, 0o600),
    () => requests.read(file, handle, offset, draw.below(70_000)),
    () => requests.write(file, handle, offset, data, draw.below(8)),
    () => requests.fallocate(file, handle, draw.pick([0, 1, 3, 16, 17, draw.below(128)]), offset, length),
    () => requests.lseek(file, handle, offset, 3 + draw.below(2)),
    () => requests.copyFileRange(file, copy),
    () => requests.copyFileRange64(file, copy),
    () => requests.statfs(node),
    () => requests.setxattr(node, `user.${name.slice(0, 200)}`, data, draw.below(4)),
    () => requests.getxattr(node, 'user.a', draw.below(9000)),
    () => requests.listxattr(node, draw.below(900)),
    () => requests.removexattr(node, 'user.a'),
    () => requests.opendir(folder),
    () => requests.readdir(listed.inode.ino, listed.handle, draw.below(40), draw.below(5000)),
    () => requests.readdirplus(listed.inode.ino, listed.handle, draw.below(40), draw.below(5000)),
    () => requests.releasedir(listed.inode.ino, listed.handle),
    () => requests.getlk(file, lock),
    () => requests.setlk(file, lock),
    () => requests.setlkw(file, lock),
    () => requests.interrupt(BigInt(draw.below(2000)) * 2n),
    () => requests.flush(file, handle, lock.owner),
    () => requests.release(file, handle, draw.below(4), lock.owner),
    () => (draw.below(200) === 0 ? requests.destroy() : requests.syncfs(node)),
  ];
  return draw.pick(choices)();
}

/** Change some bytes of a request, its length, or nothing. */
function bend(bytes: Uint8Array, draw: Draw): Uint8Array {
  if (draw.below(3) > 0) return bytes;
  const bent = draw.below(4) === 0 ? bytes.slice(0, draw.below(bytes.length + 1)) : bytes.slice();
  for (let i = draw.below(4); i > 0 && bent.length > 4; i--)
    bent[draw.below(bent.length)] = draw.pick([0, 1, 0x7f, 0x80, 0xff, draw.below(256)]);
  if (bent.length >= IN_HEADER && draw.below(3) > 0)
    new DataView(bent.buffer).setUint32(0, bent.length, true);
  return bent;
}

fuzz('fs-device', async (loop) => {
  let succeeded = 0;
  await loop((draw) => {
    using guest = Guest.mounted({ memory: 2 ** 20, locks: 'device' });
    const steps = draw.pick([30, 400]);
    for (let step = 0; step < steps && !draw.ended; step++) {
      const request = plausible(guest, draw);
      const bytes = bend(encodeRequest(request, BigInt(step) * 2n), draw);
      guest.piece = draw.pick([7, 64, 4096]);
      const room = draw.once(20) ? draw.below(200) : replyRoom(request);
      const answer = guest.send(bytes, room);
      if (guest.device.fileSystem.session === undefined) guest.client.init();
      if (answer === undefined || answer.length === 0) {
        const opcode = bytes.length < IN_HEADER ? 0 : InHeader.decode(bytes).opcode;
        const expected =
          answer === undefined ? opcode === Opcode.setlkw : room < OUT_HEADER || SILENT.includes(opcode);
        assert.ok(expected, `opcode ${opcode} with room for ${room} bytes was not answered`);
        continue;
      }
      const { error, unique } = decodeReply(answer);
      if (bytes.length >= IN_HEADER) assert.equal(unique, InHeader.decode(bytes).unique);
      if (error === 0) succeeded++;
    }
    checkInvariants(guest.device.fileSystem);
    guest.device.reset();
    checkInvariants(guest.device.fileSystem);
  });
  assert.ok(succeeded > 0, 'no request succeeded');
});
