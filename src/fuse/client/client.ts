import { DecodeError } from '../../errors.ts';
import { FUSE_MAJOR, FUSE_MINOR, InitFlag, Opcode } from '../constants.ts';
import { FuseError } from '../errors.ts';
import * as s from '../structs.ts';
import {
  decodeDirectory,
  decodeNames,
  decodeReply,
  type FuseDirectoryEntry,
  type FuseEntry,
} from './reply.ts';
import {
  encodeRequest,
  type FuseCaller,
  type FuseRequest,
  type Name,
  replyRoom,
  requests,
} from './request.ts';

const operationNames = new Map<number, string>(Object.entries(Opcode).map(([name, code]) => [code, name]));

/**
 * Carries one request to a device and brings the answer: `bytes` as one descriptor chain, with room for `room` bytes.
 * Returns what the device wrote; nothing where `room` is 0. `priority` asks for the queue of FORGET and INTERRUPT.
 */
export type FuseTransport = (bytes: Uint8Array, room: number, priority: boolean) => Uint8Array;

/** What INIT settled. */
export type FuseInit = ReturnType<typeof s.InitOut.decode>;

/** Every flag that a kernel of today offers and this client can live with. */
export const CLIENT_FLAGS =
  InitFlag.asyncRead |
  InitFlag.posixLocks |
  InitFlag.flockLocks |
  InitFlag.atomicTruncate |
  InitFlag.exportSupport |
  InitFlag.bigWrites |
  InitFlag.autoInvalidateData |
  InitFlag.readdirplus |
  InitFlag.readdirplusAuto |
  InitFlag.asyncDirectIo |
  InitFlag.writebackCache |
  InitFlag.noOpenSupport |
  InitFlag.parallelDirectoryOperations |
  InitFlag.handleKillPrivileges |
  InitFlag.posixAcl |
  InitFlag.maxPages |
  InitFlag.cacheSymlinks |
  InitFlag.noOpendirSupport |
  InitFlag.explicitInvalidateData |
  InitFlag.handleKillPrivilegesV2 |
  InitFlag.setxattrExtended |
  InitFlag.initExtended |
  InitFlag.securityContext;

/**
 * A guest's side of FUSE: asks a device and waits for each answer. Errors of the file system are thrown as `FuseError`.
 * It keeps no cache and forgets nothing by itself.
 */
export class FuseClient {
  readonly #transport: FuseTransport;
  readonly #caller: FuseCaller;
  #unique = 0n;

  constructor(transport: FuseTransport, caller: FuseCaller = { uid: 0, gid: 0, pid: 1 }) {
    this.#transport = transport;
    this.#caller = caller;
  }

  /** Send one request. Returns the body of the answer; throws `FuseError`, or `DecodeError` for a bad answer. */
  call(request: FuseRequest): Uint8Array {
    this.#unique += 2n;
    const priority =
      request.opcode === Opcode.forget ||
      request.opcode === Opcode.batchForget ||
      request.opcode === Opcode.interrupt;
    const bytes = encodeRequest(request, this.#unique, this.#caller);
    const answer = this.#transport(bytes, replyRoom(request), priority);
    if (request.room === undefined) return answer;
    const { unique, error, body } = decodeReply(answer);
    if (unique !== this.#unique)
      throw new DecodeError('ERR_FUSE_REPLY', 'reply', `for request ${unique}, expected ${this.#unique}`, 8);
    if (error !== 0) throw new FuseError(operationNames.get(request.opcode) ?? 'request', error);
    return body;
  }

  /** Begin a session, offering `flags`. */
  init(flags: bigint = CLIENT_FLAGS, minor = FUSE_MINOR): FuseInit {
    const body = this.call(
      requests.init({
        major: FUSE_MAJOR,
        minor,
        maxReadahead: 131072,
        flags: Number(flags & 0xffffffffn),
        flags2: Number(flags >> 32n),
      }),
    );
    return s.InitOut.decode(body);
  }

  /** LOOKUP; undefined where there is no such name. The node is referenced once more until `forget`. */
  find(node: number, name: Name): FuseEntry | undefined {
    const entry = s.EntryOut.decode(this.call(requests.lookup(node, name)));
    return entry.node === 0 ? undefined : entry;
  }

  /** LOOKUP of a name that must be there. */
  lookup(node: number, name: Name): FuseEntry {
    const entry = this.find(node, name);
    if (entry === undefined) throw new FuseError('lookup', ENOENT);
    return entry;
  }

  forget(node: number, lookups: number): void {
    this.call(requests.forget(node, lookups));
  }

  getattr(node: number, handle?: number): ReturnType<typeof s.AttributesOut.decode> {
    return s.AttributesOut.decode(this.call(requests.getattr(node, handle)));
  }

  setattr(...change: Parameters<typeof requests.setattr>): ReturnType<typeof s.AttributesOut.decode> {
    return s.AttributesOut.decode(this.call(requests.setattr(...change)));
  }

  mknod(...file: Parameters<typeof requests.mknod>): FuseEntry {
    return s.EntryOut.decode(this.call(requests.mknod(...file)));
  }

  mkdir(...directory: Parameters<typeof requests.mkdir>): FuseEntry {
    return s.EntryOut.decode(this.call(requests.mkdir(...directory)));
  }

  symlink(...link: Parameters<typeof requests.symlink>): FuseEntry {
    return s.EntryOut.decode(this.call(requests.symlink(...link)));
  }

  link(...link: Parameters<typeof requests.link>): FuseEntry {
    return s.EntryOut.decode(this.call(requests.link(...link)));
  }

  readlink(node: number): Uint8Array {
    return this.call(requests.readlink(node)).slice();
  }

  /** Open a file. Returns the handle. */
  open(...file: Parameters<typeof requests.open>): number {
    return s.OpenOut.decode(this.call(requests.open(...file))).handle;
  }

  /** Make a file and open it. */
  create(...file: Parameters<typeof requests.create>): { entry: FuseEntry; handle: number } {
    return this.#created(this.call(requests.create(...file)));
  }

  /** Make a file without a name and open it. */
  tmpfile(...file: Parameters<typeof requests.tmpfile>): { entry: FuseEntry; handle: number } {
    return this.#created(this.call(requests.tmpfile(...file)));
  }

  read(...range: Parameters<typeof requests.read>): Uint8Array {
    return this.call(requests.read(...range)).slice();
  }

  /** Returns how many bytes were written. */
  write(...range: Parameters<typeof requests.write>): number {
    return s.WriteOut.decode(this.call(requests.write(...range))).size;
  }

  statfs(): ReturnType<typeof s.StatfsOut.decode> {
    return s.StatfsOut.decode(this.call(requests.statfs(1)));
  }

  /** Open a directory. Returns the handle. */
  opendir(node: number): number {
    return s.OpenOut.decode(this.call(requests.opendir(node))).handle;
  }

  /** One READDIR: the names behind `cookie`, as many as fit into `size` bytes; none at the end. */
  readdir(...position: Parameters<typeof requests.readdir>): FuseDirectoryEntry[] {
    return decodeDirectory(this.call(requests.readdir(...position)));
  }

  /** One READDIRPLUS; each entry but `.` and `..` references its node once more. */
  readdirplus(...position: Parameters<typeof requests.readdirplus>): FuseDirectoryEntry[] {
    return decodeDirectory(this.call(requests.readdirplus(...position)), true);
  }

  getxattr(node: number, name: Name): Uint8Array {
    return this.call(requests.getxattr(node, name, 65536)).slice();
  }

  listxattr(node: number): string[] {
    return decodeNames(this.call(requests.listxattr(node, 65536)));
  }

  /** LSEEK with SEEK_DATA (3) or SEEK_HOLE (4). */
  lseek(...place: Parameters<typeof requests.lseek>): number {
    return s.LseekOut.decode(this.call(requests.lseek(...place))).offset;
  }

  #created(body: Uint8Array): { entry: FuseEntry; handle: number } {
    return {
      entry: s.EntryOut.decode(body),
      handle: s.OpenOut.decode(body, s.EntryOut.size).handle,
    };
  }
}

const ENOENT = 2;
