import { StateError } from './errors.ts';
import { FLAG_REQUIRED } from './frame.ts';
import { type ByteSource, type Frame, FrameReader } from './frame-reader.ts';
import type { StateIdentity } from './opening.ts';
import type { IncomingRecord, RecordReader, Section } from './section.ts';

/** What a reader of state is. */
export interface StateConsumer {
  readonly device: string;
  readonly virtioId: number;
  /** The latest version of the state that it understands. */
  readonly stateVersion: number;
  /** The feature bits that it can offer to a driver. */
  readonly features: bigint;
  /** The sections that it understands, at their latest version. */
  readonly sections: readonly Section[];
}

/**
 * Reads the state of one device: refuses another device's, state from a later version, and sections that it would have
 * to understand but does not; passes over optional sections that it does not know.
 */
export class StateReader implements RecordReader {
  /** Whose state it is. */
  readonly identity: StateIdentity;
  readonly #frames: FrameReader;
  readonly #sections: ReadonlyMap<string, Section>;
  #records = 0;
  #skipped = 0;

  /** Reads the opening. Throws as `next` does. */
  constructor(source: ByteSource, consumer: StateConsumer, limits?: { maxStream?: number }) {
    this.#frames = new FrameReader(source, limits);
    this.#sections = new Map(consumer.sections.map((section) => [section.name, section]));
    this.identity = this.#frames.open();
    refuseIdentity(this.identity, consumer);
  }

  /** Records that were handed out. */
  get records(): number {
    return this.#records;
  }

  /** Optional records that were passed over. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Bytes of the stream that have been read. */
  get consumed(): number {
    return this.#frames.consumed;
  }

  next(): IncomingRecord | undefined {
    for (;;) {
      const frame = this.#frames.next();
      if (frame === undefined) return undefined;
      if (this.#understands(frame)) {
        this.#records++;
        return { section: frame.head.name, version: frame.head.version, payload: frame.payload };
      }
      this.#skipped++;
    }
  }

  #understands({ head, offset }: Frame): boolean {
    const known = this.#sections.get(head.name);
    if (known !== undefined && head.version <= known.version) return true;
    if ((head.flags & FLAG_REQUIRED) === 0) return false;
    const reason =
      known === undefined
        ? 'is required and unknown here'
        : `is required in version ${head.version}, known here up to ${known.version}`;
    throw new StateError(
      known === undefined ? 'ERR_STATE_SECTION' : 'ERR_STATE_VERSION',
      `record ${head.index}`,
      `section ${head.name} ${reason}`,
      offset,
    );
  }
}

function refuseIdentity(found: StateIdentity, wanted: StateConsumer): void {
  if (found.device !== wanted.device || found.virtioId !== wanted.virtioId)
    throw new StateError(
      'ERR_STATE_DEVICE',
      'opening',
      `state of device ${found.device} (virtio id ${found.virtioId}), expected ${wanted.device} (${wanted.virtioId})`,
    );
  if (found.stateVersion > wanted.stateVersion)
    throw new StateError(
      'ERR_STATE_VERSION',
      'opening',
      `state version ${found.stateVersion}, this ${wanted.device} understands up to ${wanted.stateVersion}`,
    );
  const missing = found.features & ~wanted.features;
  if (missing !== 0n)
    throw new StateError(
      'ERR_STATE_DEVICE',
      'opening',
      `the guest's driver uses feature bits 0x${missing.toString(16)}, which this ${wanted.device} does not offer`,
    );
}
