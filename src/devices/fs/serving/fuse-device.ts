import type { ConfigSpace, Device, Request } from '../../../device/index.ts';
import { DONE, type Handled, LATER } from '../../../device/index.ts';
import { Exchange, Outcome } from '../../../fuse/index.ts';
import type { Mapping } from '../../../sys/index.ts';
import { dispatch } from './dispatch.ts';
import { LOCK_FLAGS } from './init.ts';
import type { OperationTable } from './operation-table.ts';
import { type Served, Serving } from './serving.ts';

/** Device id of a file system in the virtio specification. */
const VIRTIO_FS = 26;

/** Entries that a queue can have; QEMU makes queues of up to 1024. */
const MAX_QUEUE_SIZE = 1024;

export interface FsDeviceSettings {
  readonly config: ConfigSpace | undefined;
  /** Queues for requests, beside the one for FORGET and INTERRUPT. */
  readonly requestQueues: number;
  /**
   * Who keeps the locks of the guest's processes. `guest`: its kernel, in its own memory, which moves with it. `device`:
   * FUSE carries them here. Linux does not send FUSE_INTERRUPT over virtio-fs, so that there a process that waits for a
   * lock cannot be interrupted or killed.
   */
  readonly locks: 'guest' | 'device';
}

/** The part of a virtio-fs device that does not depend on what the file system is kept in. */
export abstract class FuseDevice<F extends Served>
  implements Pick<Device, 'features' | 'queues' | 'handle' | 'suspend' | 'reset'>
{
  readonly features = 0n;
  readonly queues: Device['queues'];
  readonly config?: ConfigSpace;
  protected readonly serving: Serving<F>;
  readonly #exchange: Exchange;
  readonly #operations: OperationTable<F>;

  /** Serves `fileSystem`, agreeing to the FUSE_INIT flags in `offers`. Requests are copied to `area`, where it is given. */
  constructor(
    fileSystem: F,
    operations: OperationTable<F>,
    offers: bigint,
    { config, requestQueues, locks }: FsDeviceSettings,
    area?: Mapping,
  ) {
    if (config !== undefined) this.config = config;
    this.queues = { count: 1 + requestQueues, maxSize: MAX_QUEUE_SIZE };
    this.serving = new Serving(fileSystem, locks === 'device' ? offers | LOCK_FLAGS : offers);
    this.#operations = operations;
    this.#exchange = new Exchange(area);
  }

  handle(request: Request): Handled {
    const x = this.#exchange;
    this.serving.request = request;
    const result = dispatch(this.serving, this.#operations, x, request);
    x.finish(result);
    return result === Outcome.later ? LATER : DONE;
  }

  suspend(): void {
    this.serving.forgetWaits();
  }

  reset(): void {
    this.serving.endSession();
  }

  protected identityOf(name: string): Device['identity'] {
    return { name, virtioId: VIRTIO_FS, stateVersion: 1 };
  }
}
