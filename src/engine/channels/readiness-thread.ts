/** Entry of the thread that sleeps on descriptors for the main thread, which must not. */
import { parentPort, workerData } from 'node:worker_threads';
import { Epoll, Fd } from '../../sys/index.ts';
import { STOP_TOKEN } from './constants.ts';

using epoll = new Epoll(new Fd(workerData as number, 'epoll'));
for (;;) {
  const tokens = epoll.wait();
  if (tokens.includes(STOP_TOKEN)) break;
  if (tokens.length > 0) parentPort?.postMessage(tokens);
}
