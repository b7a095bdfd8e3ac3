import { lstatSync, unlinkSync } from 'node:fs';
import { FerryError } from '../errors.ts';
import { Fd, listenUnix, removeStaleSocket, unixSocketKind } from '../sys/index.ts';
import type { FrontEndSource } from './device-loop.ts';

/** Where front ends will come from, once the device is there. */
export interface FrontEndPlace {
  /** Get ready for front ends. Throws where that is not possible. */
  open(): FrontEndSource;
  /** Remove what `open` left in the file system, if it is still the same. */
  close(): void;
}

/**
 * Listen at `path`, from `open` on: who waits for the socket to appear finds a device behind it. A socket that a dead
 * process left there is removed. Throws `ERR_SOCKET_IN_USE` where somebody listens, `ERR_SOCKET_PATH` where something
 * else is.
 */
export function socketPlace(path: string): FrontEndPlace {
  removeStaleSocket(path);
  let inode: number | undefined;
  return {
    open: () => {
      removeStaleSocket(path);
      const socket = listenUnix(path);
      inode = inodeOf(path);
      return { kind: 'listening', socket };
    },
    close: () => {
      if (inode !== undefined && inodeOf(path) === inode) unlinkSync(path);
    },
  };
}

/**
 * The inherited descriptor `number`, which listens or is connected to a front end. Throws `ERR_SOCKET_FD` where it is
 * neither.
 */
export function inheritedPlace(number: number): FrontEndPlace {
  const socket = new Fd(number, `descriptor ${number}`);
  const kind = unixSocketKind(socket);
  if (kind === undefined) {
    socket.release();
    throw new FerryError('ERR_SOCKET_FD', `Descriptor ${number} is no unix stream socket`);
  }
  socket.setCloseOnExec(true);
  return { open: () => ({ kind, socket }), close: () => socket[Symbol.dispose]() };
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}
