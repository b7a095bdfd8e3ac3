import { DESCRIPTION, encode, hex, parts } from '../../unit/qemu-stream/streams.ts';
import { named, type Row, toDevices } from './row.ts';

const { devices } = parts;

/** The devices, with a description that is changed. */
function described(change: (description: typeof DESCRIPTION) => unknown): Uint8Array {
  const description = Buffer.from(JSON.stringify(change(structuredClone(DESCRIPTION))));
  return encode(toDevices, { ...devices, description });
}

/** States of devices, and their description. */
export const DEVICES: readonly Row[] = [
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
