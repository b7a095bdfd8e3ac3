import type { Device, DeviceContext, Staged } from '../../device/index.ts';
import type { RecordReader, RecordWriter } from '../../state/index.ts';
import { ContentStore } from './contents/store.ts';
import { OFFERED } from './operations/session.ts';
import { operations } from './operations/table.ts';
import type { FsOptions } from './options.ts';
import { type FsDeviceSettings, FuseDevice } from './serving/fuse-device.ts';
import { LOCK_FLAGS } from './serving/init.ts';
import { loadState } from './state/load.ts';
import type { LoadedState } from './state/loaded-state.ts';
import { saveState } from './state/save.ts';
import { SECTION_ORDER } from './state/sections.ts';
import { Clock } from './tree/clock.ts';
import type { FileSystem } from './tree/file-system.ts';

/** A file system in memory, served over virtio-fs. */
export class FsDevice extends FuseDevice<FileSystem> implements Device {
  readonly identity = this.identityOf('fs');
  readonly sections = SECTION_ORDER;
  /** Mapped in advance: a large mapping sets the garbage collector off, which would be downtime when state comes. */
  #spare: ContentStore | undefined;
  readonly #memory: number;

  /** Serves `fileSystem`, which it owns from now on. */
  constructor(fileSystem: FileSystem, settings: FsDeviceSettings & Pick<FsOptions, 'memory'>) {
    super(fileSystem, operations, OFFERED, settings);
    this.#memory = settings.memory;
    this.#spare = new ContentStore(fileSystem.contents.size);
  }

  /** The file system that is served; another one once state was loaded. */
  get fileSystem(): FileSystem {
    return this.serving.fileSystem;
  }

  attach({ now }: DeviceContext): void {
    this.fileSystem.clock = new Clock(now);
  }

  save(records: RecordWriter): void {
    saveState(this.fileSystem, records);
  }

  load(records: RecordReader): Staged {
    const { contents, limits } = this.fileSystem;
    let loaded: LoadedState | undefined = loadState(records, {
      memory: contents.size,
      takeContents: () => this.#takeSpare(),
      limits,
      init: this.agreeable(OFFERED | LOCK_FLAGS),
    });
    return {
      commit: () => {
        if (loaded === undefined) return;
        const before = this.serving.fileSystem;
        this.serving.forgetWaits();
        loaded.fileSystem.clock = before.clock;
        this.serving.fileSystem = loaded.fileSystem;
        loaded = undefined;
        before[Symbol.dispose]();
      },
      [Symbol.dispose]: () => {
        loaded?.[Symbol.dispose]();
        loaded = undefined;
      },
    };
  }

  protected override backingParameters() {
    return { backing: 'memory', memory: BigInt(this.#memory), 'read-only': false } as const;
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
