import type { Device, DeviceContext, Handled, Request, Staged } from '../../../device/index.ts';
import { EXCHANGE_SCRATCH, InitFlag } from '../../../fuse/index.ts';
import type { RecordReader, RecordWriter } from '../../../state/index.ts';
import { type Mapping, mapAnonymous } from '../../../sys/index.ts';
import { type FsDeviceSettings, FuseDevice } from '../serving/fuse-device.ts';
import { COMMON_OFFERS, LOCK_FLAGS } from '../serving/init.ts';
import { cachePolicies } from './cache.ts';
import { operations, readOnlyOperations } from './operations/table.ts';
import type { DirectoryFsOptions } from './options.ts';
import type { Share } from './share.ts';
import { loadShare } from './state/load.ts';
import type { LoadedShare } from './state/loaded-share.ts';
import { saveShare } from './state/save.ts';
import { SECTION_ORDER } from './state/sections.ts';

/**
 * The FUSE_INIT flags that the device agrees to where the guest's kernel offers them, beside those of the cache policy.
 * Not among them, on purpose:
 *
 * - WRITEBACK_CACHE: what write(2) returned for is with the host's kernel, and survives a guest that is reset or killed.
 * - EXPORT_SUPPORT: a node that the guest has forgotten cannot be found again by its number.
 * - NO_OPEN and NO_OPENDIR: handles carry flags and positions.
 * - POSIX_ACL and SECURITY_CTX: they mean something to the host, and the guest's kernel would not go by them.
 * - DAX, passthrough, io_uring: nothing here for them to work on.
 */
const OFFERED = COMMON_OFFERS | InitFlag.submounts | InitFlag.createSupplementaryGroup;

/** Flags that another device of this kind may have agreed to: also those of other cache policies. */
const KNOWN = Object.values(cachePolicies).reduce((all, { offers }) => all | offers, OFFERED | LOCK_FLAGS);

/** How a directory is shared. */
export type DirectoryFsSettings = FsDeviceSettings &
  Omit<DirectoryFsOptions, 'tag'> & {
    /** Whether the thread has a file mask of its own, and it is clear. */
    readonly ownMask: boolean;
  };

/** A directory of the host, served over virtio-fs. */
export class DirectoryFsDevice extends FuseDevice<Share> implements Device {
  readonly identity = this.identityOf('fs-directory');
  readonly sections = SECTION_ORDER;
  readonly #area: Mapping;
  readonly #options: Pick<DirectoryFsSettings, 'identity' | 'onMismatch' | 'ownMask' | 'readOnly'>;
  #context: DeviceContext | undefined;

  /** Serves `share`, which it owns from now on. */
  constructor(share: Share, settings: DirectoryFsSettings) {
    const area = mapAnonymous(EXCHANGE_SCRATCH, 'requests to a shared directory');
    const table = settings.readOnly ? readOnlyOperations : operations;
    super(share, table, OFFERED | share.setup.cache.offers, settings, area);
    this.#area = area;
    this.#options = settings;
  }

  /** What is shared; another one once state was loaded. */
  get share(): Share {
    return this.serving.fileSystem;
  }

  attach(context: DeviceContext): void {
    this.#context = context;
    if (!this.#options.ownMask)
      context.log(
        'This thread may have no file mask of its own: files are made with what the mask of the process leaves',
      );
  }

  override handle(request: Request): Handled {
    this.serving.fileSystem.inodes.makeRoom();
    return super.handle(request);
  }

  save(records: RecordWriter): void {
    saveShare(this.share, records);
  }

  load(records: RecordReader): Staged {
    const init = this.agreeable(KNOWN);
    let loaded: LoadedShare | undefined = loadShare(records, { ...this.#options, share: this.share, init });
    return {
      commit: () => {
        if (loaded === undefined) return;
        const before = this.share;
        this.serving.forgetWaits();
        this.serving.fileSystem = loaded.share;
        for (const trouble of loaded.troubles) this.#context?.log(trouble);
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
    return { backing: 'directory', memory: 0n, 'read-only': this.#options.readOnly } as const;
  }

  [Symbol.dispose](): void {
    this.share[Symbol.dispose]();
    this.#area[Symbol.dispose]();
  }
}
