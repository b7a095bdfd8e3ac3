/** What the main stream begins with: `QEVM`. */
export const STREAM_MAGIC = 0x5145564d;

export const STREAM_VERSION = 3;

/** The first byte of whatever stands at the top level of the stream. */
export const SectionType = {
  eof: 0x00,
  start: 0x01,
  part: 0x02,
  end: 0x03,
  full: 0x04,
  subsection: 0x05,
  description: 0x06,
  configuration: 0x07,
  command: 0x08,
  footer: 0x7e,
} as const;

/** Flags of a RAM record: the bits below a page's size. */
export const RamFlag = {
  full: 0x01,
  zero: 0x02,
  memSize: 0x04,
  page: 0x08,
  endOfSection: 0x10,
  continued: 0x20,
  xbzrle: 0x40,
  hook: 0x80,
  compressed: 0x100,
  multifdFlush: 0x200,
} as const;

/** The section that carries RAM: one name, one instance, one version, in every QEMU there is. */
export const RAM_SECTION = { idstr: 'ram', instance: 0, version: 4 } as const;

/** Bytes of a page unless the stream says otherwise: what x86 has, and what Arm had. */
export const DEFAULT_PAGE_SIZE = 4096;
