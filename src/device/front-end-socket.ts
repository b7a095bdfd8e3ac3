import { lstatSync, unlinkSync } from 'node:fs';
import { FerryError } from '../errors.ts';
import { Fd, listenUnix, removeStaleSocket, unixSocketKind } from '../sys/index.ts';
import type { FrontEndSource } from './device-loop.ts';

/** A socket that front ends connect to, and whose path is removed at the end. */
export interface ServedSocket extends FrontEndSource {
  /** Remove the path, if it is still the one that was made here. */
  unlink(): void;
}

/**
 * Listen at `path`. A socket that a dead process left there is removed. Throws `ERR_SOCKET_IN_USE` where somebody
 * listens, `ERR_SOCKET_PATH` where something else is.
 */
export function listenForFrontEnds(path: string): ServedSocket {
  removeStaleSocket(path);
  const socket = listenUnix(path);
  const inode = inodeOf(path);
  return {
    kind: 'listening',
    socket,
    unlink: () => {
      if (inodeOf(path) === inode) unlinkSync(path);
    },
  };
}

/**
 * Use the inherited descriptor `number`, which listens or is connected to a front end. Throws `ERR_SOCKET_FD` where it
 * is neither.
 */
export function inheritSocket(number: number): ServedSocket {
  const socket = new Fd(number, `descriptor ${number}`);
  const kind = unixSocketKind(socket);
  if (kind === undefined) {
    socket.release();
    throw new FerryError('ERR_SOCKET_FD', `Descriptor ${number} is no unix stream socket`);
  }
  socket.setCloseOnExec(true);
  return { kind, socket, unlink: () => undefined };
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}
