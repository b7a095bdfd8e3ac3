import * as fuse from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { batchForget, forget } from './forget.ts';
import { destroy, init } from './init.ts';
import { flush, getlk, interrupt, setlk, setlkw } from './lock-requests.ts';
import type { Run, Served } from './serving.ts';

/** What a request and its reply have at least. */
interface Layout {
  /** Bytes that must follow the header at least. */
  readonly arguments: number;
  /** Bytes that the chain must have room for: header and body of the reply; none where there is no reply. */
  readonly room: number;
  /** Whether what is behind the first piece of the request stays in the chain, for the operation to take from there. */
  readonly streams: boolean;
}

/** How one opcode is served. */
export interface Operation<F extends Served> extends Layout {
  readonly run: Run<F>;
}

const NAME = 2;
const { size: ENTRY } = fuse.EntryOut;

function answered(argumentBytes = 0, body = 0, streams = false): Layout {
  return { arguments: argumentBytes, room: fuse.OUT_HEADER + body, streams };
}

function silent(argumentBytes: number, streams = false): Layout {
  return { arguments: argumentBytes, room: 0, streams };
}

/**
 * The operations that are served. What is missing is answered with ENOSYS, and the guest's kernel then does without:
 * ACCESS (virtio-fs mounts leave permissions to the kernel), BMAP, POLL (files are always ready), SETUPMAPPING and
 * REMOVEMAPPING (DAX).
 */
const layouts = {
  lookup: answered(NAME, ENTRY),
  forget: silent(fuse.ForgetIn.size),
  getattr: answered(fuse.GetattrIn.size, fuse.AttributesOut.size),
  setattr: answered(fuse.SetattrIn.size, fuse.AttributesOut.size),
  readlink: answered(),
  symlink: answered(NAME + 1, ENTRY),
  mknod: answered(fuse.MknodIn.size + NAME, ENTRY),
  mkdir: answered(fuse.MkdirIn.size + NAME, ENTRY),
  unlink: answered(NAME),
  rmdir: answered(NAME),
  rename: answered(fuse.RenameIn.size + 2 * NAME),
  link: answered(fuse.LinkIn.size + NAME, ENTRY),
  open: answered(fuse.OpenIn.size, fuse.OpenOut.size),
  read: answered(fuse.ReadIn.size),
  write: answered(fuse.WriteIn.size, fuse.WriteOut.size, true),
  statfs: answered(0, fuse.StatfsOut.size),
  release: answered(fuse.ReleaseIn.size),
  fsync: answered(fuse.FsyncIn.size),
  setxattr: answered(fuse.SETXATTR_IN_SHORT + NAME),
  getxattr: answered(fuse.GetxattrIn.size + NAME),
  listxattr: answered(fuse.GetxattrIn.size),
  removexattr: answered(NAME),
  flush: answered(fuse.FlushIn.size),
  init: answered(fuse.INIT_IN_SHORT, fuse.InitOut.size),
  opendir: answered(fuse.OpenIn.size, fuse.OpenOut.size),
  readdir: answered(fuse.ReadIn.size),
  releasedir: answered(fuse.ReleaseIn.size),
  fsyncdir: answered(fuse.FsyncIn.size),
  getlk: answered(fuse.LockIn.size, fuse.LockOut.size),
  setlk: answered(fuse.LockIn.size),
  setlkw: answered(fuse.LockIn.size),
  create: answered(fuse.CreateIn.size + NAME, ENTRY + fuse.OpenOut.size),
  interrupt: silent(fuse.InterruptIn.size),
  destroy: answered(),
  batchForget: silent(fuse.BatchForgetIn.size, true),
  fallocate: answered(fuse.FallocateIn.size),
  readdirplus: answered(fuse.ReadIn.size),
  rename2: answered(fuse.Rename2In.size + 2 * NAME),
  lseek: answered(fuse.LseekIn.size, fuse.LseekOut.size),
  copyFileRange: answered(fuse.CopyFileRangeIn.size, fuse.WriteOut.size),
  syncfs: answered(fuse.SyncfsIn.size),
  tmpfile: answered(fuse.CreateIn.size + 1, ENTRY + fuse.OpenOut.size),
  statx: answered(fuse.StatxIn.size, fuse.StatxOut.size),
  copyFileRange64: answered(fuse.CopyFileRangeIn.size, fuse.CopyFileRangeOut.size),
} as const satisfies Partial<Record<keyof typeof fuse.Opcode, Layout>>;

/** What runs the same whatever a file system is kept in. */
const common = { batchForget, destroy, flush, forget, getlk, init, interrupt, setlk, setlkw } as const;

/** What runs for each operation that is not the same everywhere. */
export type Runs<F extends Served> = Readonly<
  Record<Exclude<keyof typeof layouts, keyof typeof common>, Run<F>>
>;

const { Opcode } = fuse;

/** The operations of one kind of file system, by opcode. */
export class OperationTable<F extends Served> {
  readonly #byOpcode: readonly (Operation<F> | undefined)[];

  constructor(runs: Runs<F>) {
    const byOpcode: (Operation<F> | undefined)[] = Array.from({
      length: Math.max(...Object.values(Opcode)) + 1,
    });
    // A file system without any ioctl says so with ENOTTY; to ENOSYS older kernels give way to the caller.
    byOpcode[Opcode.ioctl] = Object.freeze({ ...answered(), run: () => -Errno.ENOTTY });
    const all: Readonly<Record<keyof typeof layouts, Run<F>>> = { ...common, ...runs };
    let name: keyof typeof layouts;
    for (name in layouts) byOpcode[Opcode[name]] = Object.freeze({ ...layouts[name], run: all[name] });
    this.#byOpcode = byOpcode;
  }

  /** How `opcode` is served, or undefined where it is not. */
  find(opcode: number): Operation<F> | undefined {
    return opcode < this.#byOpcode.length ? this.#byOpcode[opcode] : undefined;
  }
}
