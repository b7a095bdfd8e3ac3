import {
  type ConfigSpace,
  type Device,
  type DeviceContext,
  DONE,
  type Handled,
  LATER,
  type Request,
  type Staged,
} from '../../device/index.ts';
import {
  Exchange,
  FUSE_MINOR,
  FUSE_MINOR_OLDEST,
  InitFlag,
  MAX_TRANSFER,
  Outcome,
} from '../../fuse/index.ts';
import type { RecordReader, RecordWriter } from '../../state/index.ts';
import { ContentStore } from './contents/store.ts';
import { dispatch } from './operations/dispatch.ts';
import { Serving } from './operations/serving.ts';
import { LOCK_FLAGS, OFFERED } from './operations/session.ts';
import { loadState } from './state/load.ts';
import type { LoadedState } from './state/loaded-state.ts';
import { saveState } from './state/save.ts';
import { SECTION_ORDER } from './state/sections.ts';
import { Clock } from './tree/clock.ts';
import type { FileSystem } from './tree/file-system.ts';

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

/** A file system in memory, served over virtio-fs. */
export class FsDevice implements Device {
  readonly identity = { name: 'fs', virtioId: VIRTIO_FS, stateVersion: 1 };
  readonly features = 0n;
  readonly queues: Device['queues'];
  readonly config?: ConfigSpace;
  readonly sections = SECTION_ORDER;
  readonly #exchange = new Exchange();
  readonly #serving: Serving;
  /** Mapped in advance: a large mapping sets the garbage collector off, which would be downtime when state comes. */
  #spare: ContentStore | undefined;

  /** Serves `fileSystem`, which it owns from now on. */
  constructor(fileSystem: FileSystem, { config, requestQueues, locks }: FsDeviceSettings) {
    if (config !== undefined) this.config = config;
    this.queues = { count: 1 + requestQueues, maxSize: MAX_QUEUE_SIZE };
    this.#spare = new ContentStore(fileSystem.contents.size);
    this.#serving = new Serving(fileSystem, locks === 'device' ? OFFERED | LOCK_FLAGS : OFFERED);
  }

  /** The file system that is served; another one once state was loaded. */
  get fileSystem(): FileSystem {
    return this.#serving.fileSystem;
  }

  attach({ now }: DeviceContext): void {
    this.fileSystem.clock = new Clock(now);
  }

  handle(request: Request): Handled {
    const x = this.#exchange;
    this.#serving.request = request;
    const result = dispatch(this.#serving, x, request);
    x.finish(result);
    return result === Outcome.later ? LATER : DONE;
  }

  suspend(): void {
    this.#serving.forgetWaits();
  }

  reset(): void {
    this.#serving.endSession();
  }

  save(records: RecordWriter): void {
    saveState(this.fileSystem, records);
  }

  load(records: RecordReader): Staged {
    const { contents, limits } = this.fileSystem;
    const init = {
      oldestMinor: FUSE_MINOR_OLDEST,
      minor: FUSE_MINOR,
      flags: OFFERED | LOCK_FLAGS,
      maxWrite: MAX_TRANSFER,
      names: InitFlag,
    };
    let loaded: LoadedState | undefined = loadState(records, {
      memory: contents.size,
      takeContents: () => this.#takeSpare(),
      limits,
      init,
    });
    return {
      commit: () => {
        if (loaded === undefined) return;
        const before = this.#serving.fileSystem;
        this.#serving.forgetWaits();
        loaded.fileSystem.clock = before.clock;
        this.#serving.fileSystem = loaded.fileSystem;
        loaded = undefined;
        before[Symbol.dispose]();
      },
      [Symbol.dispose]: () => {
        loaded?.[Symbol.dispose]();
        loaded = undefined;
      },
    };
  }

  [Symbol.dispose](): void {
    this.#spare?.[Symbol.dispose]();
    this.fileSystem[Symbol.dispose]();
  }

  #takeSpare(): ContentStore {
    const contents = this.#spare ?? new ContentStore(this.fileSystem.contents.size);
    this.#spare = undefined;
    return contents;
  }
}
