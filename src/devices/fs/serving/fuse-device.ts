import type { Assignment, Model, Value } from '../../../compat/index.ts';
import type { ConfigSpace, Device, Request } from '../../../device/index.ts';
import { DONE, type Handled, LATER } from '../../../device/index.ts';
import { Exchange, FUSE_MINOR_OLDEST, InitFlag, MAX_TRANSFER, Outcome } from '../../../fuse/index.ts';
import type { Mapping } from '../../../sys/index.ts';
import { fsTakes } from '../parameters.ts';
import type { Destination } from '../state/destination.ts';
import { dispatch } from './dispatch.ts';
import { type FsBacking, FUSE_FEATURES, featureFlags, type LockKeeper } from './features.ts';
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
  readonly locks: LockKeeper;
  /** The latest minor version of FUSE 7 that is spoken with the guest. */
  readonly fuseMinor: number;
  /** Features of FUSE that the guest is not offered. */
  readonly withoutFeatures: readonly string[];
}

/** The part of a virtio-fs device that does not depend on what the file system is kept in. */
export abstract class FuseDevice<F extends Served>
  implements
    Pick<Device, 'features' | 'queues' | 'migrationInfo' | 'parameters' | 'handle' | 'suspend' | 'reset'>
{
  readonly features = 0n;
  readonly queues: Device['queues'];
  readonly config?: ConfigSpace;
  protected readonly serving: Serving<F>;
  readonly #settings: FsDeviceSettings;
  readonly #exchange: Exchange;
  readonly #operations: OperationTable<F>;

  /** Serves `fileSystem`, agreeing to the FUSE_INIT flags in `offers`. Requests are copied to `area`, where it is given. */
  constructor(
    fileSystem: F,
    operations: OperationTable<F>,
    offers: bigint,
    settings: FsDeviceSettings,
    area?: Mapping,
  ) {
    const { config, requestQueues, locks, fuseMinor, withoutFeatures } = settings;
    this.#settings = settings;
    if (config !== undefined) this.config = config;
    this.queues = { count: 1 + requestQueues, maxSize: MAX_QUEUE_SIZE };
    const offered = (locks === 'device' ? offers | LOCK_FLAGS : offers) & ~featureFlags(withoutFeatures);
    this.serving = new Serving(fileSystem, offered, fuseMinor);
    this.#operations = operations;
    this.#exchange = new Exchange(area);
  }

  /** What this device takes: of what it offers, also less. */
  get migrationInfo(): Model {
    const { offers, minor } = this.serving;
    return fsTakes(this.parameters(), { flags: offers, minor });
  }

  /** What the guest agreed to where there is one, else what it is offered. */
  parameters(): Assignment {
    const { offers, minor, fileSystem } = this.serving;
    const { flags, minor: spoken } = fileSystem.session ?? { flags: offers, minor };
    const features = FUSE_FEATURES.map(({ name, flags: wanted }) => [name, (flags & wanted) !== 0n] as const);
    return new Map<string, Value>([
      ...Object.entries(this.backingParameters()),
      ['request-queues', BigInt(this.#settings.requestQueues)],
      ['config-space', this.config !== undefined],
      ['locks', (flags & LOCK_FLAGS) === 0n ? 'guest' : 'device'],
      ['fuse-minor', BigInt(spoken)],
      ...features,
    ]);
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

  /** The parameters that depend on what files are kept in. */
  protected abstract backingParameters(): { backing: FsBacking; memory: bigint; 'read-only': boolean };

  /** What a guest may have agreed to that comes here with the state of another device: of `flags`, what is offered here. */
  protected agreeable(flags: bigint): Destination['init'] {
    return {
      oldestMinor: FUSE_MINOR_OLDEST,
      minor: this.serving.minor,
      flags: flags & ~featureFlags(this.#settings.withoutFeatures),
      maxWrite: MAX_TRANSFER,
      names: InitFlag,
    };
  }

  protected identityOf(name: string): Device['identity'] {
    return { name, virtioId: VIRTIO_FS, stateVersion: 1 };
  }
}
