import { encode, hex, parts } from '../../unit/qemu-stream/streams.ts';
import { listed, named, type Row, toDevices, u32 } from './row.ts';

const { prologue, start, blocks, endOfRam, part } = parts;

/** The beginning of a stream with one subsection of its configuration. */
function configuration(name: string, body: string, version = 1): Uint8Array {
  return encode(hex('5145564d 00000003 07 00000001 41 05'), named(name), hex(u32(version)), hex(body));
}

/** Prologues, sections and commands. */
export const SECTIONS: readonly Row[] = [
  {
    what: 'another magic',
    bytes: hex('11223344 00000003'),
    code: 'ERR_QEMU_STREAM',
    says: /magic.*0x11223344/,
  },
  {
    what: 'an obsolete version',
    bytes: hex('5145564d 00000002'),
    code: 'ERR_QEMU_STREAM',
    says: /version.*2, expected 3/,
  },
  {
    what: 'no configuration',
    bytes: hex('5145564d 00000003 0100000002'),
    code: 'ERR_QEMU_STREAM',
    says: /section type 0x1/,
  },
  {
    what: 'a machine type that is too long',
    bytes: hex('5145564d 00000003 07 ffffffff'),
    code: 'ERR_QEMU_LIMIT',
    says: /machine type.*4294967295 bytes/,
  },
  {
    what: 'a machine type that is no text',
    bytes: hex('5145564d 00000003 07 00000002 410a'),
    code: 'ERR_QEMU_STREAM',
    says: /410a is no name/,
  },
  {
    what: 'a subsection that nobody knows',
    bytes: configuration('configuration/weather', ''),
    code: 'ERR_QEMU_UNSUPPORTED',
    says: /configuration\/weather/,
  },
  {
    what: 'a subsection of another version',
    bytes: configuration('configuration/uuid', '', 257),
    code: 'ERR_QEMU_STREAM',
    says: /version 257/,
  },
  {
    what: 'a subsection that comes twice',
    bytes: encode(
      configuration('configuration/target-page-bits', '0000000c'),
      configuration('configuration/target-page-bits', '0000000c').subarray(14),
      hex('00'),
    ),
    code: 'ERR_QEMU_STREAM',
    says: /comes twice/,
  },
  {
    what: 'pages of another size than pages have',
    bytes: configuration('configuration/target-page-bits', '0000001f'),
    code: 'ERR_QEMU_STREAM',
    says: /31, expected 12 to 16/,
  },
  {
    what: 'capabilities without end',
    bytes: configuration('configuration/capabilities', 'ffffffff'),
    code: 'ERR_QEMU_LIMIT',
    says: /4294967295 capabilities/,
  },
  {
    what: 'pages in fixed places of a file',
    bytes: encode(configuration('configuration/capabilities', '00000001'), named('mapped-ram'), hex('08')),
    code: 'ERR_QEMU_UNSUPPORTED',
    says: /mapped-ram/,
  },

  {
    what: 'a section type that nobody knows',
    bytes: encode(prologue, hex('09')),
    code: 'ERR_QEMU_SECTION',
    says: /0x9/,
  },
  {
    what: 'a subsection at the top',
    bytes: encode(listed, hex('05')),
    code: 'ERR_QEMU_SECTION',
    says: /0x5/,
  },
  { what: 'a second configuration', bytes: encode(listed, hex('07')), code: 'ERR_QEMU_SECTION', says: /0x7/ },
  {
    what: 'a description before the end',
    bytes: encode(listed, hex('06')),
    code: 'ERR_QEMU_SECTION',
    says: /0x6/,
  },
  {
    what: 'a part of a section that was not begun',
    bytes: encode(prologue, { ...part, id: 9 }),
    code: 'ERR_QEMU_SECTION',
    says: /9 was not begun/,
  },
  {
    what: 'a part of a section that has ended',
    bytes: encode(toDevices, part),
    code: 'ERR_QEMU_SECTION',
    says: /2 was not begun, or has ended/,
  },
  {
    what: 'a section that is begun twice',
    bytes: encode(listed, start),
    code: 'ERR_QEMU_SECTION',
    says: /begins section 2 anew/,
  },
  {
    what: 'another list of blocks',
    bytes: encode(listed, { ...start, id: 3 }, blocks),
    code: 'ERR_QEMU_RAM',
    says: /MEM_SIZE/,
  },
  {
    what: 'a section in parts that nobody can read',
    bytes: encode(prologue, { ...start, idstr: 'dirty-bitmap' }),
    code: 'ERR_QEMU_UNSUPPORTED',
    says: /dirty-bitmap/,
  },
  {
    what: 'RAM of another version',
    bytes: encode(prologue, { ...start, version: 5 }),
    code: 'ERR_QEMU_SECTION',
    says: /version 5, expected 0 and 4/,
  },
  {
    what: 'a section without a name',
    bytes: encode(prologue, hex('01 00000002 00')),
    code: 'ERR_QEMU_STREAM',
    says: /section name.*is empty/,
  },
  {
    what: 'the footer of another section',
    bytes: encode(prologue, start, blocks, endOfRam, { type: 'footer', id: 3 }),
    code: 'ERR_QEMU_SECTION',
    says: /footer of ram.*0x7e and 3, expected 0x7e and 2/,
  },
  {
    what: 'no footer',
    bytes: encode(prologue, start, blocks, endOfRam, hex('02 00000002')),
    code: 'ERR_QEMU_SECTION',
    says: /0x2 and 2/,
  },
  {
    what: 'an end of everything before the end of RAM',
    bytes: encode(listed, hex('00')),
    code: 'ERR_QEMU_SECTION',
    says: /ram.*has no END before the end of everything/,
  },
  {
    what: 'a device that sends its state before RAM',
    bytes: encode(prologue, hex('04 00000007'), named('virtio-mem-early'), hex('00000000 00000001')),
    code: 'ERR_QEMU_UNSUPPORTED',
    says: /virtio-mem-early.*before the end of ram/,
  },
  {
    what: 'a device that sends its state before the end of RAM',
    bytes: encode(listed, hex('04 00000007'), named('virtio-mem-early'), hex('00000000 00000001')),
    code: 'ERR_QEMU_UNSUPPORTED',
    says: /virtio-mem-early.*before the end of ram/,
  },

  ...['POSTCOPY_ADVISE', 'POSTCOPY_LISTEN', 'POSTCOPY_RUN', 'POSTCOPY_RAM_DISCARD', 'PACKAGED'].map(
    (name, i): Row => ({
      what: `the command ${name}`,
      bytes: encode(prologue, hex(`08 ${(3 + i).toString(16).padStart(4, '0')} ffff`)),
      code: 'ERR_QEMU_UNSUPPORTED',
      says: new RegExp(`${name}.*postcopy`),
    }),
  ),
  {
    what: 'ENABLE_COLO',
    bytes: encode(prologue, hex('08 0008 0000')),
    code: 'ERR_QEMU_UNSUPPORTED',
    says: /ENABLE_COLO/,
  },
  {
    what: 'a command that nobody knows',
    bytes: encode(prologue, hex('08 000c 0000')),
    code: 'ERR_QEMU_COMMAND',
    says: /12 is no/,
  },
  {
    what: 'command 0',
    bytes: encode(prologue, hex('08 0000 0000')),
    code: 'ERR_QEMU_COMMAND',
    says: /0 is no command/,
  },
  {
    what: 'a command of another length',
    bytes: encode(prologue, hex('08 0002 0005')),
    code: 'ERR_QEMU_COMMAND',
    says: /PING.*5 bytes of data, the command has 4/,
  },
];
