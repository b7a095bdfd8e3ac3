/** Every device-state packet that must be refused, and with what words. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReceiveSlots } from '../../src/engine/slots/index.ts';
import {
  DISK,
  NIC,
  type PacketFields,
  packetOf,
  pattern,
  ReceivingHalf,
} from '../unit/engine/device-state-rig.ts';

const MIB = 2 ** 20;
const TITLE = 'device state of 0000:00:02.0/vfio';

interface Row {
  readonly what: string;
  /** Good packets before it. */
  readonly before?: readonly PacketFields[];
  readonly bad: PacketFields;
  readonly code: string;
  readonly message: string;
  /** Whether the peer knows credits; both where it does not matter. */
  readonly extended?: boolean;
}

const rows: readonly Row[] = [
  {
    what: 'flags of RAM',
    bad: { flags: 0x44 },
    code: 'ERR_PACKET_FLAGS',
    message: 'flags at byte 8: zstd cannot be on a device-state packet',
  },
  {
    what: 'SYNC',
    bad: { flags: 0x41 },
    code: 'ERR_PACKET_FLAGS',
    message: 'flags at byte 8: sync cannot be on a device-state packet',
  },
  {
    what: 'a flag that nobody knows',
    bad: { flags: 0x8000_0040 },
    code: 'ERR_PACKET_FLAGS',
    message: 'flags at byte 8: 0x80000000 cannot be on a device-state packet',
  },
  {
    what: 'sent again, from a stock peer',
    extended: false,
    bad: { flags: 0x240 },
    code: 'ERR_PACKET_FLAGS',
    message: 'flags at byte 8: again cannot be on a device-state packet',
  },
  {
    what: 'a device that is not here',
    bad: { name: { idstr: '0000:00:09.0/vfio', instance: 0 } },
    code: 'ERR_PACKET_NAME',
    message: 'idstr at byte 12: no device "0000:00:09.0/vfio", instance 0',
  },
  {
    what: 'an instance that is not here',
    bad: { name: { ...DISK, instance: 1 } },
    code: 'ERR_PACKET_NAME',
    message: 'idstr at byte 12: no device "0000:00:02.0/vfio", instance 1',
  },
  {
    what: 'a name without an end',
    bad: { idstr: Buffer.alloc(256, 0x61) },
    code: 'ERR_PACKET_NAME',
    message: 'idstr at byte 12: a name of 256 bytes without an end, instance 0',
  },
  {
    what: 'no name',
    bad: { idstr: Buffer.alloc(0) },
    code: 'ERR_PACKET_NAME',
    message: 'idstr at byte 12: no device "", instance 0',
  },
  {
    what: 'no payload',
    bad: { size: 0 },
    code: 'ERR_PACKET_SIZE',
    message: `next_packet_size at byte 272: 0 bytes of device state, expected 12 to ${MIB + 12}`,
  },
  {
    what: 'a payload shorter than its own head',
    bad: { size: 11 },
    code: 'ERR_PACKET_SIZE',
    message: `next_packet_size at byte 272: 11 bytes of device state, expected 12 to ${MIB + 12}`,
  },
  {
    what: 'a payload longer than a slot',
    bad: { size: MIB + 13 },
    code: 'ERR_PACKET_SIZE',
    message: `next_packet_size at byte 272: ${MIB + 13} bytes of device state, expected 12 to ${MIB + 12}`,
  },
  {
    what: 'a payload of 4 GiB',
    bad: { size: 0xffff_ffff },
    code: 'ERR_PACKET_SIZE',
    message: `next_packet_size at byte 272: 4294967295 bytes of device state, expected 12 to ${MIB + 12}`,
  },
  {
    what: 'a version that is not 0',
    bad: { version: 1 },
    code: 'ERR_PACKET_PAYLOAD',
    message: 'version at byte 276: 1, expected 0',
  },
  {
    what: 'flags of the buffer that nobody knows',
    bad: { bufferFlags: 3 },
    code: 'ERR_PACKET_PAYLOAD',
    message: 'flags at byte 284: 0x3, only 0x1 is known',
  },
  {
    what: 'the number that no buffer has',
    bad: { index: 0xffff_ffff },
    code: 'ERR_BUFFER_INDEX',
    message: `${TITLE}: buffer 4294967295, the highest is 4294967294`,
  },
  {
    what: 'a number beyond the credit',
    extended: true,
    bad: { index: 4 },
    code: 'ERR_BUFFER_CREDIT',
    message: `${TITLE}: buffer 4, the device may send up to 3`,
  },
  {
    what: 'the highest number',
    extended: true,
    bad: { index: 0xffff_fffe },
    code: 'ERR_BUFFER_CREDIT',
    message: `${TITLE}: buffer 4294967294, the device may send up to 3`,
  },
  {
    what: 'the highest number, where nothing may be spilled',
    extended: false,
    bad: { index: 0xffff_fffe },
    code: 'ERR_SPILL',
    message:
      'Buffer 4294967294 of 0000:00:02.0/vfio comes before there is a slot for it, and there is no spill file: ' +
      '0000:00:02.0/vfio has loaded 0 and waits for buffer 0, 0000:00:03.0/vfio/7 has loaded 0 and waits for buffer 0',
  },
  {
    what: 'a buffer twice',
    before: [{ index: 1 }],
    bad: { index: 1 },
    code: 'ERR_BUFFER_TWICE',
    message: `${TITLE}: buffer 1 has come before`,
  },
  {
    what: 'a buffer behind the last one',
    before: [{ index: 1, bufferFlags: 1 }],
    bad: { index: 2 },
    code: 'ERR_BUFFER_LAST',
    message: `${TITLE}: buffer 2 comes after the last one, 1`,
  },
  {
    what: 'two last buffers',
    before: [{ index: 2, bufferFlags: 1 }],
    bad: { index: 1, bufferFlags: 1 },
    code: 'ERR_BUFFER_LAST',
    message: `${TITLE}: buffer 1 is the last one, and so was 2`,
  },
  {
    what: 'a last buffer before one that has come',
    before: [{ index: 3 }],
    bad: { index: 1, bufferFlags: 1 },
    code: 'ERR_BUFFER_LAST',
    message: `${TITLE}: buffer 1 is the last one, but 3 has come`,
  },
];

describe('device-state packets that are refused', () => {
  for (const { what, before = [], bad, code, message, extended } of rows)
    for (const credits of extended === undefined ? [true, false] : [extended])
      it(`${what}${credits ? '' : ', from a stock peer'}`, () => {
        using slots = new ReceiveSlots({ devices: [DISK, NIC], slots: 8, credits });
        const reader = new ReceivingHalf(slots, 0, credits);
        for (const fields of before) reader.read(packetOf(fields));
        const held = slots.device(0).held;
        assert.throws(() => reader.read(packetOf(bad)), { code, message });
        assert.equal(slots.device(0).held, held, 'no slot is lost with a packet that was refused');
        // The device is as it was: its other buffers still find room
        reader.read(packetOf({ index: 0, data: pattern(9, 1) }));
        assert.equal(slots.device(0).held, held + 1);
      });

  it('names that two devices have, or that have no room', () => {
    for (const idstr of ['', 'a'.repeat(256), 'a\0b']) {
      using slots = new ReceiveSlots({ devices: [{ idstr, instance: 0 }], slots: 2, credits: true });
      assert.throws(() => new ReceivingHalf(slots), { code: 'ERR_PACKET_NAME' });
    }
    using twice = new ReceiveSlots({ devices: [DISK, DISK], slots: 4, credits: true });
    assert.throws(() => new ReceivingHalf(twice), { code: 'ERR_PACKET_NAME' });
  });
});
