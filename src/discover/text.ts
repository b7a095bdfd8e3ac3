/** Reading text from files and streams of which nothing is known: bounded, never waiting for a FIFO, valid UTF-8. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { asError } from '../errors.ts';
import { DiscoverError } from './errors.ts';
import { STDIN_WITHIN } from './limits.ts';

const CHUNK = 65_536;

/** A page, and one byte more by which an attribute that is longer shows at once. */
const LEAST_CHUNK = 4097;

/**
 * The text of the regular file at `path`, of at most `limit` bytes. `follow: false` takes no symbolic link.
 *
 * @throws DiscoverError ERR_DISCOVER_MISSING, _KIND, _READ, _SIZE, _TEXT
 */
export async function readText(
  path: string,
  limit: number,
  options: { follow?: boolean } = {},
): Promise<string> {
  const { file, size } = await openRegular(path, options);
  await using _file = file;
  if (size > limit) throw tooLarge(path, limit);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunksOf(file, path, size + LEAST_CHUNK)) {
    length += chunk.length;
    if (length > limit) throw tooLarge(path, limit);
    chunks.push(chunk);
  }
  return decodeText(Buffer.concat(chunks), path);
}

/**
 * Opens a regular file for reading; the caller closes it. `size` is what the kernel says, which is no more than a hint for
 * files that it makes up. A FIFO that nobody writes to is not waited for.
 */
export async function openRegular(
  path: string,
  { follow = true } = {},
): Promise<{ file: FileHandle; size: number }> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW);
  const file = await open(path, flags).catch((cause) => {
    throw readFailure(path, cause);
  });
  try {
    const status = await file.stat();
    if (status.isFile()) return { file, size: status.size };
    throw new DiscoverError('ERR_DISCOVER_KIND', `${path} is ${kindOf(status)}, expected a regular file`);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What `file` holds from its start on, in pieces of at most `size` bytes. Each piece is a buffer of its own. */
export async function* chunksOf(file: FileHandle, path: string, size = CHUNK): AsyncGenerator<Buffer> {
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size, null).catch((cause) => {
      throw readFailure(path, cause);
    });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** All that comes from `stream` until it ends, of at most `limit` bytes. Destroys it where it does not end in time. */
export async function readStream(
  stream: Readable,
  limit: number,
  { signal, deadline = STDIN_WITHIN }: { signal?: AbortSignal; deadline?: number } = {},
): Promise<string> {
  signal?.throwIfAborted();
  const late = AbortSignal.timeout(deadline);
  addAbortSignal(signal === undefined ? late : AbortSignal.any([signal, late]), stream);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > limit) throw tooLarge('stdin', limit);
      chunks.push(bytes);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof DiscoverError) throw cause;
    if (!late.aborted) throw readFailure('stdin', cause);
    const found = `stdin did not end within ${deadline} ms; ${length} bytes came`;
    throw new DiscoverError('ERR_DISCOVER_DEADLINE', found, { cause, retry: true });
  }
  return decodeText(Buffer.concat(chunks), 'stdin');
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** `bytes` as text. Throws `ERR_DISCOVER_TEXT` where they are not UTF-8. */
export function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new DiscoverError('ERR_DISCOVER_TEXT', `${where} has ${bytes.length} bytes that are not UTF-8`, {
      cause,
    });
  }
}

/** `text` in one line for a message, which stays short whatever is given. */
export function excerpt(text: string, length = 200): string {
  return JSON.stringify(text.length > length ? `${text.slice(0, length)}…` : text);
}

/** The code of a failed system call, such as `EACCES`; undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** What says that `path` cannot be opened or read. */
export function readFailure(path: string, cause: unknown): DiscoverError {
  const errno = errnoOf(cause);
  if (errno === 'ENOENT' || errno === 'ENOTDIR')
    return new DiscoverError('ERR_DISCOVER_MISSING', `There is no ${path}`, { cause });
  const reason = errno ?? asError(cause).message;
  return new DiscoverError('ERR_DISCOVER_READ', `${path} cannot be read: ${reason}`, { cause });
}

interface Status {
  isFile(): boolean;
  isDirectory(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
}

/** What a file is, in words. */
export function kindOf(status: Status): string {
  if (status.isFile()) return 'a regular file';
  if (status.isDirectory()) return 'a folder';
  if (status.isFIFO()) return 'a FIFO';
  return status.isSocket() ? 'a socket' : 'a device file';
}

function tooLarge(path: string, limit: number): DiscoverError {
  return new DiscoverError(
    'ERR_DISCOVER_SIZE',
    `${path} has more than ${limit} bytes, the most that is taken`,
  );
}
