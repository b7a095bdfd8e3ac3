import { DecodeError } from '../../errors.ts';
import { OUT_HEADER } from '../constants.ts';
import { NAME_MAX } from '../limits.ts';
import { DirectoryEntryOut, EntryOut, OutHeader } from '../structs.ts';

/** The greatest number that an error in a reply can have. */
const MAX_ERRNO = 511;

/** A reply as it came: `error` is 0 or a positive errno; then there is no body. */
export interface FuseReply {
  readonly unique: bigint;
  readonly error: number;
  /** A view on the bytes that were decoded. */
  readonly body: Uint8Array;
}

/**
 * Take a reply apart. `bytes` are exactly those that the device said it wrote. Throws `ERR_TRUNCATED` or
 * `ERR_FUSE_REPLY` where the header does not fit them.
 */
export function decodeReply(bytes: Uint8Array): FuseReply {
  const { length, error, unique } = OutHeader.decode(bytes);
  if (length !== bytes.length)
    throw new DecodeError('ERR_FUSE_REPLY', 'reply length', `${length}, but ${bytes.length} bytes came`, 0);
  if (error > 0 || error < -MAX_ERRNO)
    throw new DecodeError('ERR_FUSE_REPLY', 'reply error', `${error} is no negative errno`, 4);
  if (error !== 0 && length !== OUT_HEADER)
    throw new DecodeError('ERR_FUSE_REPLY', 'reply length', `${length} bytes beside error ${error}`, 0);
  return { unique, error: Math.abs(error), body: bytes.subarray(OUT_HEADER) };
}

/** What a name stands for. */
export type FuseEntry = ReturnType<typeof EntryOut.decode>;

/** One name in a directory. */
export interface FuseDirectoryEntry {
  readonly ino: number;
  /** READDIR goes on behind this entry when it is given its cookie; a number where that is exact. */
  readonly cookie: number | bigint;
  /** File type as in `d_type`. */
  readonly type: number;
  readonly name: Uint8Array;
  /** With READDIRPLUS: what the name stands for; its `node` is 0 where the guest got no reference. */
  readonly entry?: FuseEntry;
}

/** Decode the body of a reply to READDIR, or with `plus` to READDIRPLUS. */
export function decodeDirectory(body: Uint8Array, plus = false): FuseDirectoryEntry[] {
  const found: FuseDirectoryEntry[] = [];
  for (let at = 0; at < body.length; ) {
    const entry = plus ? EntryOut.decode(body, at) : undefined;
    const record = plus ? at + EntryOut.size : at;
    const { ino, cookie, nameLength, type } = DirectoryEntryOut.decode(body, record);
    const start = record + DirectoryEntryOut.size;
    if (nameLength === 0 || nameLength > NAME_MAX || start + nameLength > body.length)
      throw new DecodeError('ERR_FUSE_REPLY', 'directory entry', `a name of ${nameLength} bytes`, record);
    const name = body.slice(start, start + nameLength);
    found.push({ ino, cookie: exact(cookie), type, name, ...(entry === undefined ? {} : { entry }) });
    at = Math.ceil((start + nameLength) / 8) * 8;
  }
  return found;
}

/** A number where that is exact, else the bigint that it is. */
function exact(value: bigint): number | bigint {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** Decode the names in the reply to LISTXATTR. */
export function decodeNames(body: Uint8Array): string[] {
  if (body.length === 0) return [];
  if (body.at(-1) !== 0)
    throw new DecodeError('ERR_FUSE_REPLY', 'attribute names', 'the last one is not closed', body.length - 1);
  return new TextDecoder('latin1').decode(body.subarray(0, -1)).split('\0');
}
