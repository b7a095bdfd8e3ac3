/** Every way known of a main stream that is wrong: each is refused by name, at its place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamError, type StreamErrorCode, type StreamLimits } from '../../../src/qemu-stream/index.ts';
import { DESCRIPTION, encode, hex, PAGE, parts, read, WHOLE } from './streams.ts';

interface Row {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly code: StreamErrorCode;
  readonly says: RegExp;
  readonly limits?: Partial<StreamLimits>;
}

const { prologue, start, blocks, flush, endOfRam, footer, part, end, devices } = parts;
const listed = encode(prologue, start, blocks, endOfRam, footer);
const inPart = encode(listed, part);
const toDevices = encode(listed, end, endOfRam, footer);

function u32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** A record of RAM. */
function record(flags: number, offset = 0): Uint8Array {
  return hex((BigInt(offset) | BigInt(flags)).toString(16).padStart(16, '0'));
}

function named(name: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(name.length), Buffer.from(name, 'latin1')]);
}

function block(name: string, length: number): Uint8Array {
  return encode(named(name), record(0, length));
}

function configuration(name: string, body: string, version = 1): Uint8Array {
  return encode(hex('5145564d 00000003 07 00000001 41 05'), named(name), hex(u32(version)), hex(body));
}

/** The devices, with a description that is changed. */
function described(change: (description: typeof DESCRIPTION) => unknown): Uint8Array {
  const description = Buffer.from(JSON.stringify(change(structuredClone(DESCRIPTION))));
  return encode(toDevices, { ...devices, description });
}

const ROWS: readonly Row[] = [
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
    says: /ram.*has no END/,
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

  {
    what: 'blocks that are more than their total',
    bytes: encode(prologue, start, record(4, 3 * PAGE), block('a', 2 * PAGE), block('b', 2 * PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /b at.*8192 bytes, but only 4096 of 12288 are left/,
  },
  {
    what: 'blocks that are less than their total',
    bytes: encode(prologue, start, record(4, 3 * PAGE), block('a', 2 * PAGE), endOfRam, footer),
    code: 'ERR_QEMU_STREAM',
    says: /RAM block.*is empty/,
  },
  {
    what: 'more RAM than is taken',
    bytes: encode(prologue, start, record(4, 2 ** 40)),
    code: 'ERR_QEMU_LIMIT',
    says: /1099511627776 bytes, at most 4096/,
    limits: { ram: 4096 },
  },
  {
    what: 'a total beyond all numbers',
    bytes: encode(prologue, start, hex('fffffffffffff004')),
    code: 'ERR_QEMU_LIMIT',
    says: /2\^53/,
  },
  {
    what: 'a block beyond all numbers',
    bytes: encode(prologue, start, record(4, PAGE), named('a'), hex('fffffffffffff000')),
    code: 'ERR_QEMU_LIMIT',
    says: /0xfffffffffffff000 is beyond/,
  },
  {
    what: 'a block without a byte',
    bytes: encode(prologue, start, record(4, PAGE), block('a', 0)),
    code: 'ERR_QEMU_RAM',
    says: /a at.*0 bytes, expected whole pages/,
  },
  {
    what: 'a block of half a page',
    bytes: encode(prologue, start, record(4, PAGE), block('a', PAGE / 2)),
    code: 'ERR_QEMU_RAM',
    says: /2048 bytes, expected whole pages/,
  },
  {
    what: 'a block that is listed twice',
    bytes: encode(prologue, start, record(4, 2 * PAGE), block('a', PAGE), block('a', PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /a at.*listed twice/,
  },
  {
    what: 'more blocks than are taken',
    bytes: encode(prologue, start, record(4, 9 * PAGE), ...['a', 'b', 'c'].map((name) => block(name, PAGE))),
    code: 'ERR_QEMU_LIMIT',
    says: /more than 2 of them/,
    limits: { blocks: 2 },
  },
  {
    what: 'a block whose name is no text',
    bytes: encode(prologue, start, record(4, PAGE), block('\x1b[31m', PAGE)),
    code: 'ERR_QEMU_STREAM',
    says: /1b5b33316d is no name/,
  },
  {
    what: 'MEM_SIZE with further flags',
    bytes: encode(prologue, start, record(0x24, PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /MEM_SIZE/,
  },
  {
    what: 'MEM_SIZE in a part',
    bytes: encode(inPart, record(4, PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /MEM_SIZE/,
  },
  {
    what: 'the end of RAM before its blocks',
    bytes: encode(prologue, start, endOfRam),
    code: 'ERR_QEMU_RAM',
    says: /EOS.*before the list/,
  },
  {
    what: 'a flush before its blocks',
    bytes: encode(prologue, start, flush),
    code: 'ERR_QEMU_RAM',
    says: /MULTIFD_FLUSH.*before the list/,
  },
  {
    what: 'a flush with an offset',
    bytes: encode(inPart, record(0x200, PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /MULTIFD_FLUSH.*offset 0x1000/,
  },
  {
    what: 'a record without flags',
    bytes: encode(inPart, record(0)),
    code: 'ERR_QEMU_RAM',
    says: /flags 0x0/,
  },
  {
    what: 'two kinds at once',
    bytes: encode(inPart, record(0x0a)),
    code: 'ERR_QEMU_RAM',
    says: /ZERO, PAGE.* together/,
  },
  { what: 'a retired kind', bytes: encode(inPart, record(0x100)), code: 'ERR_QEMU_RAM', says: /flags 0x100/ },
  { what: 'RDMA', bytes: encode(inPart, record(0x80)), code: 'ERR_QEMU_UNSUPPORTED', says: /HOOK.*RDMA/ },
  {
    what: 'CONTINUE with nothing before it',
    bytes: encode(inPart, record(0x28)),
    code: 'ERR_QEMU_RAM',
    says: /CONTINUE/,
  },
  {
    what: 'a page of a block that is not there',
    bytes: encode(inPart, record(8), named('vga.vram')),
    code: 'ERR_QEMU_RAM',
    says: /vga\.vram.*no RAM block/,
  },
  {
    what: 'a page before the list',
    bytes: encode(prologue, start, record(8), named('pc.ram')),
    code: 'ERR_QEMU_RAM',
    says: /pc\.ram.*no RAM block/,
  },
  {
    what: 'a page behind its block',
    bytes: encode(inPart, record(8, 8 * PAGE), named('pc.ram')),
    code: 'ERR_QEMU_RAM',
    says: /pc\.ram.*0x8000 of 32768/,
  },
  {
    what: 'a zero page behind its block, after good ones',
    bytes: encode(inPart, parts.zeroes, record(0x22, 8 * PAGE), hex('00')),
    code: 'ERR_QEMU_RAM',
    says: /0x8000 of 32768/,
  },
  {
    what: 'a zero page that is not zero',
    bytes: encode(inPart, record(2), named('pc.ram'), hex('01')),
    code: 'ERR_QEMU_RAM',
    says: /byte 0x1/,
  },
  {
    what: 'XBZRLE of another encoding',
    bytes: encode(inPart, record(0x40), named('pc.ram'), hex('02 0004')),
    code: 'ERR_QEMU_RAM',
    says: /encoding 2/,
  },
  {
    what: 'XBZRLE longer than a page',
    bytes: encode(inPart, record(0x40), named('pc.ram'), hex('01 ffff')),
    code: 'ERR_QEMU_RAM',
    says: /65535 bytes, a page has 4096/,
  },

  {
    what: 'more device state than is taken',
    bytes: encode(toDevices, hex('04'), new Uint8Array(5000)),
    code: 'ERR_QEMU_LIMIT',
    says: /more than 4096 bytes/,
    limits: { state: 4096 },
  },
  {
    what: 'more device state and description than is taken together',
    bytes: encode(toDevices, hex('04'), new Uint8Array(9000)),
    code: 'ERR_QEMU_LIMIT',
    says: /more than (8198 bytes of it, description and all|4096 bytes of it)/,
    limits: { state: 4096, description: 4096 },
  },
  {
    what: 'many places that look like the end',
    bytes: encode(toDevices, hex('04'), Buffer.from('\0\x06\0\0\xff\xff{"'.repeat(65), 'latin1')),
    code: 'ERR_QEMU_LIMIT',
    says: /more than 64 places/,
  },
  {
    what: 'device state without a description',
    bytes: encode(toDevices, hex('04 00000005'), named('timer'), hex('00')),
    code: 'ERR_QEMU_TRUNCATED',
    says: /no whole description/,
  },
  {
    what: 'a description that is no JSON',
    bytes: encode(toDevices, { ...devices, description: Buffer.from('{"devices": [') }),
    code: 'ERR_QEMU_DESCRIPTION',
    says: /no JSON/,
  },
  {
    what: 'a description without devices',
    bytes: described(() => ({ page_size: 4096 })),
    code: 'ERR_QEMU_DESCRIPTION',
    says: /devices is no array/,
  },
  {
    what: 'a description of too few devices',
    bytes: described(({ devices: [first] }) => ({ devices: [first] })),
    code: 'ERR_QEMU_DESCRIPTION',
    says: /ends 40 bytes before the state/,
  },
  {
    what: 'a description of other devices',
    bytes: described(({ devices: [first, second] }) => ({ devices: [first, { ...second, instance_id: 7 }] })),
    code: 'ERR_QEMU_DESCRIPTION',
    says: /"0000:00:02.0\/raw" 1 where the description has 0000:00:02.0\/raw 7/,
  },
  {
    what: 'a description of longer state',
    bytes: described(({ devices: [first, second] }) => ({
      devices: [first, { ...second, fields: [{ size: 2 ** 40 }] }],
    })),
    code: 'ERR_QEMU_DESCRIPTION',
    says: /ends within 0000:00:02.0\/raw/,
  },
  {
    what: 'a description of shorter state',
    bytes: described(({ devices: [first, second] }) => ({
      devices: [first, { ...second, fields: [{ size: 4 }] }],
    })),
    code: 'ERR_QEMU_SECTION',
    says: /no footer of section 6/,
  },
  {
    what: 'a description with a size that is none',
    bytes: described(() => ({ devices: [{ name: 'timer', instance_id: 0, fields: [{ size: -1 }] }] })),
    code: 'ERR_QEMU_DESCRIPTION',
    says: /devices\[0\]\.fields\[0\]\.size -1/,
  },
  {
    what: 'a description nested without end',
    bytes: described(() => {
      let deep: unknown = { vmsd_name: 'x' };
      for (let i = 0; i < 100; i++) deep = { vmsd_name: 'x', subsections: [deep] };
      return { devices: [{ name: 'timer', instance_id: 0, subsections: [deep] }] };
    }),
    code: 'ERR_QEMU_LIMIT',
    says: /nested deeper than 64/,
  },
];

for (const { what, bytes, code, says, limits } of ROWS)
  test(`refused: ${what}`, () => {
    const whole = read(bytes, [], limits);
    const byByte = read(
      bytes,
      Array.from({ length: bytes.length }, (_, i) => i),
      limits,
    );
    for (const { error, bytes: again, finished } of [whole, byByte]) {
      assert.ok(error instanceof StreamError, `taken, ${String(error)}`);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      assert.ok(!finished);
      assert.ok(
        Buffer.from(bytes).subarray(0, again.length).equals(again),
        'what was read is not what was sent',
      );
    }
  });

test('refused: something after the end', () => {
  const bytes = encode(...WHOLE);
  const later = read(encode(bytes, hex('00')), [bytes.length]);
  assert.ok(later.finished);
  assert.ok(later.error instanceof StreamError);
  assert.equal(later.error.code, 'ERR_QEMU_TRAILING');
  // At once, the description does not end where the bytes end, and is none
  const atOnce = read(encode(bytes, hex('00')));
  assert.ok(!atOnce.finished);
  assert.ok(atOnce.error instanceof StreamError);
  assert.equal(atOnce.error.code, 'ERR_QEMU_TRUNCATED');
});

test('what a guest puts into the state of a device to look like the end is not taken for it', () => {
  const { devices: state } = parts;
  // A whole description of everything before it, as the contents of the last device
  const forged = Buffer.from(JSON.stringify({ devices: [DESCRIPTION.devices[0]] }));
  const body = encode(hex(`00 06 ${u32(forged.length)}`), forged, hex('00'));
  const [timer, raw] = DESCRIPTION.devices;
  const description = Buffer.from(
    JSON.stringify({ devices: [timer, { ...raw, fields: [{ size: body.length }] }] }),
  );
  const bytes = encode(toDevices, {
    type: 'devices',
    sections: [state.sections[0], { ...state.sections[1], body }],
    description,
  });
  const cut = bytes.indexOf(forged) + forged.length;
  for (const cuts of [[], [cut], [cut - 1, cut, cut + 1]]) {
    const { finished, error, bytes: again } = read(bytes, cuts);
    assert.equal(error, undefined);
    assert.ok(finished);
    assert.ok(again.equals(bytes));
  }
});
