/** A kind of payload whose reader waits in a system call that nobody but the test can end. */
import type { PayloadKind } from '../../../src/engine/channels/index.ts';
import { Fd, readInto } from '../../../src/sys/index.ts';

/** What the test shares with it. */
export interface StuckStart {
  /** Number of the descriptor that is read from. */
  readonly fd: number;
  /** One word, 1 when a packet has come. */
  readonly entered: SharedArrayBuffer;
}

/** What the channel's thread calls. */
export function createKind(start: StuckStart): PayloadKind {
  const fd = new Fd(start.fd, 'what is waited for');
  const entered = new Int32Array(start.entered);
  const read = () => {
    Atomics.store(entered, 0, 1);
    Atomics.notify(entered, 0);
    readInto(fd, new Uint8Array(1));
  };
  return { name: 'stuck', sink: { claims: () => true, read }, [Symbol.dispose]: () => void fd.release() };
}
