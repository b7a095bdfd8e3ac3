import koffi from 'koffi';
import { asError, FerryError } from '../errors.ts';

/** Declares functions of a shared library by their C prototypes; results of 64 bits come as numbers or bigints. */
export type Declare = <A extends unknown[], R = number>(prototype: string) => (...args: A) => R;

/**
 * Load the shared library `file`, of which the package `from` is the usual source. Throws `ERR_LIBRARY` where it cannot be
 * loaded.
 */
export function loadLibrary(file: string, from: string): Declare {
  try {
    // Node brings zlib and zstd along and exports their names: the library's calls within itself must not end there
    const library = koffi.load(file, { deep: true });
    return (prototype) => library.func(prototype) as never;
  } catch (cause) {
    throw new FerryError(
      'ERR_LIBRARY',
      `${file} cannot be loaded: ${asError(cause).message}. Debian and Ubuntu have it in the package ${from}`,
      { cause },
    );
  }
}
