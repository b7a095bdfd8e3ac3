/** FUSE requests that are plausible, and how they are bent: for any backing. */
import {
  FallocateIn,
  type FuseRequest,
  IN_HEADER,
  InHeader,
  Opcode,
  requests,
} from '../../src/fuse/index.ts';
import type { Draw } from './target.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'.repeat(255)];

/** An open file or directory. */
export interface Handle {
  readonly handle: number;
  readonly node: number;
}

/** What a device has, for a guest that asks about what is there. */
export interface Known {
  readonly nodes: readonly number[];
  /** Those of them that are directories. */
  readonly folders: readonly number[];
  readonly files: readonly Handle[];
  readonly directories: readonly Handle[];
  /** Names to use, beside harmless ones. */
  readonly names: readonly string[];
}

/** A request about what is there, or nearly. */
export function plausible(known: Known, draw: Draw): FuseRequest {
  const node = draw.pick([1, ...known.nodes, draw.below(40)]);
  const folder = draw.pick([1, 1, ...known.folders]);
  const open = draw.pick([...known.files, { handle: draw.below(20), node }]);
  const listed = draw.pick([...known.directories, { handle: draw.below(20), node: folder }]);
  const name = draw.pick([...NAMES, ...known.names, `n${draw.below(30)}`]);
  const other = draw.pick(['a', 'b', 'c', 'd', ...known.names]);
  const to = draw.pick([1, folder, node]);
  const { handle } = open;
  const file = open.node;
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
    () => requests.symlink(folder, name, draw.pick(['x'.repeat(1 + draw.below(4100)), ...known.names])),
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
    () => requests.readdir(listed.node, listed.handle, draw.below(40), draw.below(5000)),
    () => requests.readdirplus(listed.node, listed.handle, draw.below(40), draw.below(5000)),
    () => requests.releasedir(listed.node, listed.handle),
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
export function bend(bytes: Uint8Array, draw: Draw): Uint8Array {
  if (draw.below(3) > 0) return bytes;
  const bent = draw.below(4) === 0 ? bytes.slice(0, draw.below(bytes.length + 1)) : bytes.slice();
  for (let i = draw.below(4); i > 0 && bent.length > 4; i--)
    bent[draw.below(bent.length)] = draw.pick([0, 1, 0x7f, 0x80, 0xff, draw.below(256)]);
  if (bent.length >= IN_HEADER && draw.below(3) > 0)
    new DataView(bent.buffer).setUint32(0, bent.length, true);
  return bent;
}

/** The most that a fuzzed guest may reserve at one time of a file system that others need as well. */
const MOST_RESERVED = 2 ** 24;

/** Whether a request would reserve so much room that a real file system could be full of it. */
export function reservesMuch(bytes: Uint8Array): boolean {
  if (bytes.length < IN_HEADER + FallocateIn.size) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return (
    view.getUint32(InHeader.offsets.opcode, true) === Opcode.fallocate &&
    view.getBigUint64(IN_HEADER + FallocateIn.offsets.length, true) > MOST_RESERVED
  );
}
