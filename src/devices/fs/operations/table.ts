import * as fuse from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { getattr, setattr, statx } from './attributes.ts';
import { copyFileRange, copyFileRange64, fallocate, lseek, read, write } from './data.ts';
import { opendir, readdir, readdirplus, releasedir } from './directories.ts';
import { readlink } from './links.ts';
import { getlk, interrupt, setlk, setlkw } from './locks.ts';
import { create, link, mkdir, mknod, symlink, tmpfile } from './make.ts';
import { batchForget, forget, lookup } from './names.ts';
import { flush, open, release } from './open.ts';
import { rmdir, unlink } from './remove.ts';
import { rename, rename2 } from './rename.ts';
import type { Run } from './serving.ts';
import { destroy, init, statfs, sync } from './session.ts';
import { getxattr, listxattr, removexattr, setxattr } from './xattrs.ts';

/** How one opcode is served. */
export interface Operation {
  readonly run: Run;
  /** Bytes that must follow the header at least. */
  readonly arguments: number;
  /** Bytes that the chain must have room for: header and body of the reply; none where there is no reply. */
  readonly room: number;
  /** Whether what is behind the first piece of the request stays in the chain, for the operation to take from there. */
  readonly streams: boolean;
}

const NAME = 2;
const { size: ENTRY } = fuse.EntryOut;

function serve(run: Run, argumentBytes = 0, body = 0, streams = false): Operation {
  return Object.freeze({ run, arguments: argumentBytes, room: fuse.OUT_HEADER + body, streams });
}

function serveSilently(run: Run, argumentBytes: number, streams = false): Operation {
  return Object.freeze({ run, arguments: argumentBytes, room: 0, streams });
}

const { Opcode } = fuse;

/**
 * The operations by opcode. What is missing is answered with ENOSYS, and the guest's kernel then does without: ACCESS
 * (virtio-fs mounts leave permissions to the kernel), BMAP, POLL (files are always ready), SETUPMAPPING and
 * REMOVEMAPPING (DAX).
 */
const entries: readonly (readonly [opcode: number, operation: Operation])[] = [
  [Opcode.lookup, serve(lookup, NAME, ENTRY)],
  [Opcode.forget, serveSilently(forget, fuse.ForgetIn.size)],
  [Opcode.getattr, serve(getattr, fuse.GetattrIn.size, fuse.AttributesOut.size)],
  [Opcode.setattr, serve(setattr, fuse.SetattrIn.size, fuse.AttributesOut.size)],
  [Opcode.readlink, serve(readlink)],
  [Opcode.symlink, serve(symlink, NAME + 1, ENTRY)],
  [Opcode.mknod, serve(mknod, fuse.MknodIn.size + NAME, ENTRY)],
  [Opcode.mkdir, serve(mkdir, fuse.MkdirIn.size + NAME, ENTRY)],
  [Opcode.unlink, serve(unlink, NAME)],
  [Opcode.rmdir, serve(rmdir, NAME)],
  [Opcode.rename, serve(rename, fuse.RenameIn.size + 2 * NAME)],
  [Opcode.link, serve(link, fuse.LinkIn.size + NAME, ENTRY)],
  [Opcode.open, serve(open, fuse.OpenIn.size, fuse.OpenOut.size)],
  [Opcode.read, serve(read, fuse.ReadIn.size)],
  [Opcode.write, serve(write, fuse.WriteIn.size, fuse.WriteOut.size, true)],
  [Opcode.statfs, serve(statfs, 0, fuse.StatfsOut.size)],
  [Opcode.release, serve(release, fuse.ReleaseIn.size)],
  [Opcode.fsync, serve(sync, fuse.FsyncIn.size)],
  [Opcode.setxattr, serve(setxattr, fuse.SETXATTR_IN_SHORT + NAME)],
  [Opcode.getxattr, serve(getxattr, fuse.GetxattrIn.size + NAME)],
  [Opcode.listxattr, serve(listxattr, fuse.GetxattrIn.size)],
  [Opcode.removexattr, serve(removexattr, NAME)],
  [Opcode.flush, serve(flush, fuse.FlushIn.size)],
  [Opcode.init, serve(init, fuse.INIT_IN_SHORT, fuse.InitOut.size)],
  [Opcode.opendir, serve(opendir, fuse.OpenIn.size, fuse.OpenOut.size)],
  [Opcode.readdir, serve(readdir, fuse.ReadIn.size)],
  [Opcode.releasedir, serve(releasedir, fuse.ReleaseIn.size)],
  [Opcode.fsyncdir, serve(sync, fuse.FsyncIn.size)],
  [Opcode.getlk, serve(getlk, fuse.LockIn.size, fuse.LockOut.size)],
  [Opcode.setlk, serve(setlk, fuse.LockIn.size)],
  [Opcode.setlkw, serve(setlkw, fuse.LockIn.size)],
  [Opcode.create, serve(create, fuse.CreateIn.size + NAME, ENTRY + fuse.OpenOut.size)],
  [Opcode.interrupt, serveSilently(interrupt, fuse.InterruptIn.size)],
  [Opcode.destroy, serve(destroy)],
  // A file system without any ioctl says so with ENOTTY; to ENOSYS older kernels give way to the caller.
  [Opcode.ioctl, serve(() => -Errno.ENOTTY)],
  [Opcode.batchForget, serveSilently(batchForget, fuse.BatchForgetIn.size, true)],
  [Opcode.fallocate, serve(fallocate, fuse.FallocateIn.size)],
  [Opcode.readdirplus, serve(readdirplus, fuse.ReadIn.size)],
  [Opcode.rename2, serve(rename2, fuse.Rename2In.size + 2 * NAME)],
  [Opcode.lseek, serve(lseek, fuse.LseekIn.size, fuse.LseekOut.size)],
  [Opcode.copyFileRange, serve(copyFileRange, fuse.CopyFileRangeIn.size, fuse.WriteOut.size)],
  [Opcode.syncfs, serve(sync, fuse.SyncfsIn.size)],
  [Opcode.tmpfile, serve(tmpfile, fuse.CreateIn.size + 1, ENTRY + fuse.OpenOut.size)],
  [Opcode.statx, serve(statx, fuse.StatxIn.size, fuse.StatxOut.size)],
  [Opcode.copyFileRange64, serve(copyFileRange64, fuse.CopyFileRangeIn.size, fuse.CopyFileRangeOut.size)],
];

const byOpcode: (Operation | undefined)[] = Array.from({
  length: Math.max(...entries.map(([code]) => code)) + 1,
});
for (const [opcode, operation] of entries) byOpcode[opcode] = operation;

/** How `opcode` is served, or undefined where it is not. */
export function operationFor(opcode: number): Operation | undefined {
  return opcode < byOpcode.length ? byOpcode[opcode] : undefined;
}
