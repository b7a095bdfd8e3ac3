/**
 * A named part of a device's state. Writing a section marks its records as required or optional; a reader that does
 * not know the name skips optional records and refuses required ones. `version` counts up from 1 when the layout of
 * the payload changes: a reader is given any version up to the one it declares.
 */
export interface Section {
  /** 1 to 40 characters from `a-z 0-9 . -`; names that start with `ferry.` are the SDK's. */
  readonly name: string;
  readonly version: number;
  readonly required: boolean;
}

/** Takes a device's state as records, in order. */
export interface RecordWriter {
  /**
   * Append one record. The parts are concatenated into its payload, at most `MAX_PAYLOAD` bytes in all. A part may be
   * a view on mapped memory: a large one is written from there without being copied. When the call returns, the parts
   * may be changed again. Throws `ERR_RECORD_SIZE` for too large a payload, and what the channel throws when it fails.
   */
  write(section: Section, ...parts: Uint8Array[]): void;
  /** Records written so far. */
  readonly records: number;
  /** Payload bytes written so far. */
  readonly bytes: number;
}

/** A record whose checksum, index and section have been checked. */
export interface IncomingRecord {
  readonly section: string;
  /** Between 1 and the version that the reader's section declares. */
  readonly version: number;
  /** Valid until the next call of `next`. */
  readonly payload: Uint8Array;
}

/** Gives a device's state back, record by record, in the order in which it was written. */
export interface RecordReader {
  /**
   * The next record of a declared section, or undefined after the last one: the end of the stream has been verified
   * then. Throws a `StateError` for damage, and what the channel throws when it fails.
   */
  next(): IncomingRecord | undefined;
}
