/** Bounds of one incoming stream. Each can be set by who reads it. */
export interface StreamLimits {
  /** RAM blocks in the list; a guest with every slot for memory filled has some 300. */
  readonly blocks: number;
  /** Bytes of RAM in all blocks. */
  readonly ram: number;
  /** Bytes of device state that are kept until the description says where each device's begins. */
  readonly state: number;
  /** Bytes of the description; a large machine has 500 000. */
  readonly description: number;
}

export const STREAM_LIMITS: StreamLimits = {
  blocks: 1024,
  ram: 2 ** 44,
  state: 64 * 1024 * 1024,
  description: 16 * 1024 * 1024,
};

/** How long a source may keep silent. Each can be set by who reads the stream. */
export interface StreamTimings {
  /** Between sections, in milliseconds: a source that pauses before its switchover says nothing meanwhile. */
  readonly idle: number;
  /** Within a section, in milliseconds. */
  readonly stall: number;
}

export const STREAM_TIMINGS: StreamTimings = {
  idle: 60_000,
  stall: 15_000,
};

/** Bytes of a machine type's name. */
export const MAX_MACHINE_NAME = 256;

/** Capabilities that a stream lists. QEMU lists two at most. */
export const MAX_CAPABILITIES = 64;

/** Sections that are begun and not yet ended, at one time. */
export const MAX_OPEN_SECTIONS = 256;

/** Zero pages that are told of at one time. */
export const ZERO_PAGES_AT_ONCE = 512;

/** Places in the device state that look like the beginning of the description; the next one ends the reading. */
export const MAX_DESCRIPTION_CANDIDATES = 64;

/** Devices in a description. */
export const MAX_DEVICES = 16_384;

/** How deep a description's structures may be nested. */
export const MAX_DESCRIPTION_DEPTH = 64;

/** Bytes of data in one message of the return path. */
export const MAX_RETURN_DATA = 512;
