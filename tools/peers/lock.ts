/**
 * One run at a time for each cache folder. The lock is a listening socket in the abstract namespace: the kernel lets go
 * of it when its holder ends, however it ends, and whoever waits is told by the connection closing.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Waits for the lock as long as another run holds it. */
export async function lockFolder(folder: string, onWait: () => void): Promise<AsyncDisposable> {
  const name = `\0ferry-peers-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  for (;;) {
    const waiting = new Set<Socket>();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => waiting.delete(socket));
    });
    if (await listens(server, name)) {
      return {
        async [Symbol.asyncDispose]() {
          for (const socket of waiting) socket.destroy();
          server.close();
          await once(server, 'close');
        },
      };
    }
    onWait();
    await closed(name);
  }
}

async function listens(server: Server, name: string): Promise<boolean> {
  const failed = Promise.withResolvers<boolean>();
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') failed.resolve(false);
    else failed.reject(error);
  });
  server.listen(name);
  return Promise.race([once(server, 'listening').then(() => true), failed.promise]);
}

/** Resolves when the holder has closed its end, or was gone before we came. */
function closed(name: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(name);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve());
    socket.resume();
  });
}
