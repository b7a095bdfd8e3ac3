/** What firmware guests are given beside what their machine brings along. */
import type { QemuDescription } from '../../src/qemu-compat/index.ts';
import type { Setup } from './qemu-trip.ts';

const disk = (id: string) => ['-blockdev', `node-name=${id},driver=null-co,size=1048576,read-zeroes=on`];
const device = (...names: string[]) => names.flatMap((name) => ['-device', name]);
const net = ['-netdev', 'hubport,hubid=0,id=n0'];

/** Every set makes a machine of its own, for machine types that have the buses for it. */
interface DeviceSet {
  setup(machine: string): Setup[];
}

function onPci(...args: readonly (readonly string[])[]): DeviceSet {
  return { setup: (machine) => (machine.startsWith('pc-') ? [{ machine, args: args.flat() }] : []) };
}

export const DEVICE_SETS = {
  bare: { setup: (machine: string) => [{ machine, args: [] }] },
  emulated: onPci(
    net,
    disk('d0'),
    disk('d1'),
    device(
      'e1000,netdev=n0',
      'VGA',
      'ich9-ahci,id=ahci',
      'ide-hd,bus=ahci.0,drive=d0',
      'ide-cd,bus=ahci.1,drive=d1',
    ),
  ),
  usb: onPci(
    ['-audiodev', 'none,id=a0'],
    disk('d0'),
    device(
      'qemu-xhci',
      'usb-tablet',
      'usb-kbd',
      'usb-storage,drive=d0',
      'intel-hda',
      'hda-duplex,audiodev=a0',
    ),
  ),
  virtio: onPci(
    net,
    disk('d0'),
    device(
      'virtio-net-pci,netdev=n0',
      'virtio-blk-pci,drive=d0',
      'virtio-rng-pci',
      'virtio-serial-pci',
      'virtio-balloon-pci',
    ),
  ),
  'large queues': onPci(
    disk('d0'),
    disk('d1'),
    device(
      'virtio-blk-pci,drive=d0,queue-size=1024',
      'virtio-scsi-pci,virtqueue_size=1024',
      'scsi-hd,drive=d1',
    ),
  ),
  legacy: onPci(
    net,
    ['-audiodev', 'none,id=a0'],
    disk('d0'),
    device(
      'lsi53c895a',
      'scsi-cd,drive=d0',
      'rtl8139,netdev=n0',
      'cirrus-vga',
      'AC97,audiodev=a0',
      'i6300esb',
      'pvpanic-pci',
    ),
  ),
  modern: onPci(
    net,
    device(
      'e1000e,netdev=n0',
      'nec-usb-xhci',
      'vmxnet3',
      'pvscsi',
      'vmware-svga',
      'edu',
      'pci-bridge,chassis_nr=1',
    ),
  ),
  'a CPU model': onPci(['-cpu', 'Skylake-Server-v1'], device('e1000')),
  'an old CPU model': onPci(['-cpu', 'pentium3'], device('e1000')),
  mmio: {
    setup: (machine: string) =>
      machine === 'microvm'
        ? [{ machine, args: [...disk('d0'), ...device('virtio-blk-device,drive=d0', 'virtio-rng-device')] }]
        : [],
  },
  isa: {
    setup: (machine: string) =>
      machine === 'isapc'
        ? [{ machine, args: [...net, ...device('ne2k_isa,netdev=n0', 'isa-cirrus-vga')] }]
        : [],
  },
} as const satisfies Readonly<Record<string, DeviceSet>>;

export type SetName = keyof typeof DEVICE_SETS;

export const EVERY_SET = Object.keys(DEVICE_SETS) as readonly SetName[];

const ON_PCI: readonly SetName[] = EVERY_SET.filter(
  (name) => DEVICE_SETS[name].setup('pc-q35-10.0').length > 0 && name !== 'bare',
);

/** One or two of the sets for a machine type; over all of them every set with every family, in both directions. */
export function setsFor(machine: string, index: number, from: string): readonly SetName[] {
  if (!machine.startsWith('pc-')) return EVERY_SET;
  const at = index + (from === '10.0' ? 0 : 3);
  return (index % 2 === 0 ? [0, 4] : [0]).map((step) => ON_PCI[(at + step) % ON_PCI.length]!);
}

/** Devices that are known to need something else than a machine to be added to, or that keep a machine from starting alone. */
const NOT_ALONE = /^(ivshmem-(doorbell|flat)|vhost-.*|vfio-.*|.*-cpu|pc-dimm|nvdimm|x-.*)$/;

/** Devices whose state is known not to be taken by the other QEMU, in one direction at least. */
const DIFFERING = [
  'isa-vga',
  'am53c974',
  'dc390',
  'ipmi-bmc-sim',
  'pci-serial-2x',
  'vmbus-bridge',
  'virtio-rng-pci',
  'virtio-serial-pci',
  'virtio-gpu-pci',
  'virtio-iommu-pci',
  'virtio-tablet-pci',
  'nvme',
  'uefi-vars-x64',
  'pvscsi',
  'usb-uas',
  'rocker',
  'ipmi-bmc-extern',
  'ati-vga',
];

/**
 * One machine for each device type that can be added to a q35 machine, or for those that are known to be interesting.
 * Its firmware does not run: it would set queues to fewer entries than the device offers, and a guest's driver does not.
 */
export function everyDevice(here: QemuDescription, there: QemuDescription, all: boolean): Setup[] {
  const names = all
    ? [...here.devices.keys()].filter((name) => there.devices.has(name) && !NOT_ALONE.test(name)).sort()
    : DIFFERING;
  return names.map((name) => ({ machine: 'pc-q35-10.0', args: ['-S', ...alone(here, name)] }));
}

/** What a device needs to be added by itself. */
function alone({ devices }: QemuDescription, name: string): string[] {
  const properties = devices.get(name)?.properties;
  const options: string[] = [name];
  const args: string[] = [];
  const needs = (property: string, given: readonly string[], value: string) => {
    if (properties?.has(property) !== true) return;
    args.push(...given);
    options.push(`${property}=${value}`);
  };
  needs('drive', disk('d0'), 'd0');
  needs('netdev', net, 'n0');
  needs('audiodev', ['-audiodev', 'none,id=a0'], 'a0');
  needs('chardev', ['-chardev', 'null,id=c0'], 'c0');
  if (name === 'nvme') options.push('serial=1');
  if (/^scsi-/.test(name)) args.push(...device('lsi53c895a'));
  if (/^usb-|^u2f|ccid/.test(name)) args.push(...device('qemu-xhci'));
  if (/^virt(serialport|console)$/.test(name)) args.push(...device('virtio-serial-pci'));
  if (/^hda-/.test(name)) args.push(...device('ich9-intel-hda'));
  return [...args, ...device(options.join(','))];
}
