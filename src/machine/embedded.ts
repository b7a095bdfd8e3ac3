import { FuseClient } from '../fuse/index.ts';
import type { TransferOptions } from '../vhost-user/index.ts';
import { FuseSession } from './fuse-session.ts';
import { Workload } from './workload.ts';

/** What a move of the embedded machine's device took. Times in milliseconds. */
export interface EmbeddedMove {
  /** From the last request answered here to the first one that can be sent there. */
  readonly downtimeMs: number;
  readonly saveMs: number;
  readonly loadMs: number;
  readonly stateBytes: number;
  /** Pages of guest memory that the device wrote while they were logged. */
  readonly dirtyPages: number;
}

/**
 * A guest in QEMU's place: memory, a virtio-fs driver and a workload, whose device is served by one back-end process
 * after another. It blocks the calling thread.
 */
export class EmbeddedMachine implements Disposable {
  readonly workload: Workload;
  readonly #session = new FuseSession();

  constructor() {
    this.workload = new Workload(new FuseClient(this.#session.transport));
  }

  /** Start on the back end that listens at `path`, and open what the workload keeps open. */
  begin(path: string): void {
    this.#session.adopt(this.#session.prepareBackEnd(path));
    this.#session.start();
    this.workload.begin();
  }

  /**
   * Move the device to the back end that listens at `path`, as QEMU does it: log dirty pages while the guest runs for
   * `preCopyMs`, stop the rings, save there, load here, start the rings. Where loading fails the guest goes on at the
   * first back end, and the error is thrown.
   */
  moveTo(path: string, preCopyMs: number, options?: TransferOptions): EmbeddedMove {
    const session = this.#session;
    const target = session.prepareBackEnd(path);
    try {
      session.frontEnd.startLogging();
      this.workload.run(preCopyMs);
      const stopped = performance.now();
      session.stop();
      const pieces: Uint8Array[] = [];
      const stateBytes = session.frontEnd.saveState((piece) => pieces.push(piece.slice()), options);
      const saved = performance.now();
      target.loadState(pieces, options);
      const loaded = performance.now();
      const dirtyPages = countBits(session.frontEnd.collectDirty());
      session.adopt(target);
      session.start();
      return {
        downtimeMs: performance.now() - stopped,
        saveMs: saved - stopped,
        loadMs: loaded - saved,
        stateBytes,
        dirtyPages,
      };
    } catch (error) {
      if (session.frontEnd !== target) {
        target[Symbol.dispose]();
        session.frontEnd.stopLogging();
        session.start();
      }
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }
}

function countBits(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}
