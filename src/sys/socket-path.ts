import { lstatSync, unlinkSync } from 'node:fs';
import { FerryError, SystemError } from '../errors.ts';
import { Errno } from './errno.ts';
import { connectUnix } from './socket.ts';

/**
 * Remove the unix socket that a dead process left at `path`, if there is one. Throws `ERR_SOCKET_IN_USE` where somebody
 * listens there, `ERR_SOCKET_PATH` where something else is.
 */
export function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new FerryError('ERR_SOCKET_PATH', `${path} exists and is no socket; it is left alone`);
  if (hasListener(path)) throw new FerryError('ERR_SOCKET_IN_USE', `Another process listens at ${path}`);
  unlinkSync(path);
}

function hasListener(path: string): boolean {
  try {
    using _connection = connectUnix(path, { dontWait: true });
    return true;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    // A listener whose queue is full is there, too
    if (error.errno === Errno.EAGAIN) return true;
    if (error.errno === Errno.ECONNREFUSED) return false;
    throw error;
  }
}
