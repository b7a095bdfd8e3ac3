/** Attributes of sysfs: files that the kernel answers for. */
import { constants, type Stats } from 'node:fs';
import { open, readdir, realpath } from 'node:fs/promises';
import { asError, SystemError } from '../../errors.ts';
import { DiscoverError } from '../errors.ts';
import { errnoOf, kindOf, readFailure, readText } from '../text.ts';

/** What is asked of a tree of attributes. Everything rejects with an error that names the path. */
export interface AttributeFiles {
  /** The names in a folder in order; undefined where there is none. */
  names(folder: string): Promise<readonly string[] | undefined>;
  /** What an attribute says, without its closing newline, of at most `limit` bytes; undefined where there is none. */
  read(path: string, limit: number): Promise<string | undefined>;
  /** Writes an attribute that is there, in one call: the kernel takes each as a whole. Rejects with a SystemError. */
  write(path: string, value: string): Promise<void>;
  /** The path without symbolic links; undefined where it leads nowhere. */
  resolve(path: string): Promise<string | undefined>;
}

/** The attributes of this host. No attribute is a symbolic link, and nothing but a regular file. */
export const HOST_ATTRIBUTES: AttributeFiles = {
  async names(folder) {
    const names = await orNone(folder, () => readdir(folder));
    return names?.sort();
  },

  async read(path, limit) {
    const text = await orNone(path, () => readText(path, limit, { follow: false }));
    return text?.replace(/\n$/, '');
  },

  async write(path, value) {
    const failed = (syscall: string) => (cause: unknown) => {
      throw systemError(syscall, path, cause);
    };
    const { O_WRONLY, O_TRUNC, O_NONBLOCK, O_NOFOLLOW } = constants;
    await using file = await open(path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_NOFOLLOW).catch(failed('open'));
    const status: Stats = await file.stat();
    if (!status.isFile())
      throw new DiscoverError('ERR_DISCOVER_KIND', `${path} is ${kindOf(status)}, expected an attribute`);
    // An empty write would not reach the driver: a newline alone is what an empty text is
    const bytes = Buffer.from(value === '' ? '\n' : value);
    const { bytesWritten } = await file.write(bytes).catch(failed('write'));
    if (bytesWritten !== bytes.length)
      throw new DiscoverError(
        'ERR_DISCOVER_SYSFS',
        `${path} took ${bytesWritten} of ${bytes.length} bytes, expected all in one call`,
      );
  },

  resolve: (path) => orNone(path, () => realpath(path)),
};

async function orNone<T>(path: string, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    const failure = error instanceof DiscoverError ? error : readFailure(path, error);
    if (failure.code === 'ERR_DISCOVER_MISSING') return undefined;
    throw failure;
  }
}

function systemError(syscall: string, path: string, cause: unknown): unknown {
  const name = errnoOf(cause);
  const number: unknown = Reflect.get(asError(cause), 'errno');
  return name === undefined || typeof number !== 'number'
    ? cause
    : new SystemError(syscall, -number, name, path);
}
