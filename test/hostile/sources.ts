/**
 * Inputs that broke, or were found to be taken differently by, the back ends and front ends of others, and those that
 * were thought up here. Each is played by a row of a table, or by the test that is named, or says why it cannot be sent.
 */

interface Source {
  readonly what: string;
  /** The test that sends it, where that is no row of a table: file under `test/`, and words of the test. */
  readonly tested?: readonly [file: string, test: RegExp];
  /** Why there is nothing here that could be sent it. */
  readonly inapplicable?: string;
}

const LOAD = 'hostile/state-load.test.ts';
const SAVE = 'hostile/state-save.test.ts';
const RINGS = 'hostile/virtqueues.test.ts';
const BLK_RINGS = 'hostile/blk-rings.test.ts';
const CONTAINMENT = 'unit/fs-directory-containment.test.ts';
const FRONT_END = 'unit/vhost-user-front-end.test.ts';

/** What two widely used back ends were seen to take differently: drop, exit, serve, or answer 0 and then drop. */
const disagreements = {
  'version 2': { what: 'a header of version 2' },
  'reserved flags': { what: 'reserved bits in the header' },
  'reply bit': { what: 'a request that says it is a reply' },
  'size 0xffffffff': { what: '4 GiB of payload announced' },
  'size 5000': { what: '5000 bytes of payload announced' },
  'request 77': { what: 'a request that does not exist' },
  'unoffered features': { what: 'SET_FEATURES with a bit that was not offered' },
  'NUM of ring 99': { what: 'SET_VRING_NUM for a ring that does not exist' },
  'NUM 0': { what: 'a ring of no entries' },
  'NUM 65536': { what: 'a ring of more entries than indexes reach' },
  'NUM 17': { what: 'a ring whose size is no power of two' },
  'ENABLE 2': { what: 'SET_VRING_ENABLE with 2' },
  'BASE of ring 99': { what: 'GET_VRING_BASE for a ring that does not exist' },
  'KICK with 3 descriptors': { what: 'SET_VRING_KICK with three descriptors' },
  'KICK without one': { what: 'SET_VRING_KICK without a descriptor and without bit 8' },
  'KICK of ring 200': { what: 'SET_VRING_KICK for a ring that does not exist' },
  'unmapped ADDR': { what: 'ring addresses that no memory is at' },
  'table of 9': { what: 'a memory table of nine regions' },
  'table without descriptor': { what: 'a memory table of one region without a descriptor' },
  'beyond end of file': { what: 'a region that ends beyond its file' },
  'overlapping region': { what: 'a region that overlaps another one' },
  'wrapping region': { what: 'a region that wraps around 2^64' },
  'REM of unknown': { what: 'removal of a region that is not there' },
  'empty log': { what: 'SET_LOG_BASE with size 0' },
  'wrapping log': { what: 'SET_LOG_BASE whose offset wraps' },
  'state without descriptor': { what: 'SET_DEVICE_STATE_FD without a descriptor' },
  'state direction 2': { what: 'SET_DEVICE_STATE_FD in direction 2' },
  'state phase 1': { what: 'SET_DEVICE_STATE_FD in phase 1' },
  'CHECK alone': { what: 'CHECK_DEVICE_STATE without a transfer' },
  'CONFIG of 300': { what: 'GET_CONFIG of 300 bytes' },
  'CONFIG at 4000': { what: 'GET_CONFIG at offset 4000' },
  bytewise: { what: 'a request a byte at a time' },
  'end in a header': { what: 'the end of the connection within a header' },
} as const satisfies Record<string, Source>;

const NO_NET = 'there is no net device';
const NO_GPU = 'there is no gpu device';

const vulnerabilities = {
  'CVE-2018-1059': {
    what: 'a buffer that is contiguous for the guest and not where it is mapped',
    tested: [RINGS, /in one piece for the guest alone/],
  },
  'CVE-2019-14818': { what: 'more descriptors than a request has, again and again' },
  'CVE-2020-10722': { what: 'a log whose size and offset wrap' },
  'CVE-2020-10723': { what: 'a ring number that is cut to 16 or 8 bits' },
  'CVE-2020-10724': { what: 'lengths of keys in a crypto session' },
  'CVE-2020-10725': { what: 'a descriptor of no length with a bad address' },
  'CVE-2020-10726': { what: 'GET_INFLIGHT_FD again and again' },
  'CVE-2020-14374': {
    what: 'descriptors that change while they are read',
    tested: ['fuzz/virtqueue.test.ts', /memory that another thread keeps changing/],
  },
  'CVE-2021-3839': { what: 'SET_INFLIGHT_FD for more queues than there are' },
  'CVE-2022-0669': { what: 'more descriptors than GET_ or SET_INFLIGHT_FD have' },
  'CVE-2022-2132': { what: 'a request header over many descriptors, and chains that are too small' },
  'CVE-2024-11614': { what: 'offsets of a checksum to be computed', inapplicable: NO_NET },
  'control queue chains': { what: 'bounds of chains in a control queue', inapplicable: NO_NET },
  'CVE-2026-6425': { what: 'indirect tables of odd lengths' },
  'CVE-2026-16457': {
    what: 'an empty packed ring that is looked at for ever',
    tested: [RINGS, /packed rings that are empty/],
  },
  'CVE-2026-48914': { what: 'SCSI commands to a blk device', tested: [BLK_RINGS, /SCSI_CMD/] },
  'CVE-2026-5761': { what: 'a report of zones that takes all memory', tested: [BLK_RINGS, /ZONE_REPORT/] },
  'CVE-2024-8612': { what: 'a used length beyond what was written' },
  'CVE-2021-3544': { what: 'resources and lengths of a gpu', inapplicable: NO_GPU },
  'CVE-2020-35517': {
    what: 'device nodes made in a shared directory',
    tested: [CONTAINMENT, /a device node.* is never opened/],
  },
  'CVE-2020-10717': {
    what: 'files opened until descriptors run out',
    tested: [CONTAINMENT, /opens too many files/],
  },
  'CVE-2022-0358': {
    what: 'a set-group-id bit on a file that a guest makes',
    tested: [CONTAINMENT, /setgid/],
  },
  'log assertion': {
    what: 'a write beyond the end of the log',
    tested: [RINGS, /a log shorter than memory/],
  },
} as const satisfies Record<string, Source>;

const thoughtUp = {
  'state empty': { what: 'a state of no bytes', tested: [LOAD, /an empty state/] },
  'state cut': { what: 'a state cut at every byte', tested: [LOAD, /cut at any byte/] },
  'state and a byte': { what: 'a state with a byte more', tested: [LOAD, /with a byte more/] },
  'state of 4 GiB': { what: '4 GiB of zeroes', tested: [LOAD, /4 GiB of zeroes/] },
  'state without end': { what: 'a writer that never ends', tested: [LOAD, /never ends/] },
  'state stalls': { what: 'a writer that stalls', tested: [LOAD, /writer that stalls/] },
  'two LOADs': { what: 'a load in place of another' },
  'SAVE then LOAD': { what: 'a load in place of a save' },
  'SAVE while running': { what: 'a save while a ring runs' },
  'LOAD while running': { what: 'a load after rings were started' },
  'state through the wrong end': { what: 'a channel that only goes the other way' },
  'state into our connection': { what: 'the control connection as the channel' },
  'state into /dev/full': { what: 'a channel that takes nothing' },
  'CHECK twice': { what: 'two checks of one transfer', tested: [SAVE, /CHECK twice/] },
  'transfer twice': { what: 'two transfers and no check', tested: [SAVE, /another transfer in its place/] },
  'RESET in a transfer': {
    what: 'RESET_DEVICE between the transfer and its check',
    tested: [LOAD, /RESET_DEVICE between the state and its check/],
  },
  'SET_STATUS in a transfer': { what: 'SET_STATUS 0 between the transfer and its check' },
  'hang-up in a transfer': { what: 'the end of the connection at each step', tested: [LOAD, /goes away/] },
  '42 answered with two descriptors': {
    what: 'SET_DEVICE_STATE_FD answered with 0 and two descriptors',
    tested: [FRONT_END, /nothing left open/],
  },
  '42 refused with a descriptor': {
    what: 'SET_DEVICE_STATE_FD refused with a descriptor',
    tested: [FRONT_END, /nothing left open/],
  },
  'config change while suspended': {
    what: 'a change of the configuration while no ring runs',
    tested: ['unit/vhost-user-requests.test.ts', /waits for one otherwise/],
  },
  'KICK is a file': { what: 'a kick or call that is a regular file' },
  'KICK is an epoll': { what: 'a kick or call that is an epoll descriptor' },
  'KICK is the CALL': { what: 'one eventfd for kick and call', tested: [RINGS, /one eventfd/] },
  'rings overlap': { what: 'ring parts that overlap each other', tested: [RINGS, /overlap/] },
  'ring crosses regions': { what: 'a ring that runs out of its region' },
  'ring unaligned': { what: 'ring parts at odd addresses' },
  'ring in sealed memory': { what: 'memory that may only be read' },
  'available index jumps': { what: 'an available index beyond the ring' },
  'used index jumps': { what: 'a used index that the driver wrote over' },
  'chain loops': { what: 'a chain that comes back to itself' },
  'chain too long': { what: 'a chain of more descriptors than the ring has' },
  'indirect lengths': { what: 'indirect tables of 0, 8 and 2^32 - 16 bytes' },
  'descriptor wraps': { what: 'a descriptor whose address and length wrap' },
  '510 regions': {
    what: 'one region more than there are slots',
    tested: ['hostile/regions.test.ts', /slots/],
  },
  'region of a byte': { what: 'a region of one byte', tested: ['hostile/regions.test.ts', /one byte/] },
  'empty region': { what: 'a region of no bytes' },
  'region twice': { what: 'one region, one descriptor, twice' },
  'BASE beyond available': { what: 'SET_VRING_BASE ahead of the available index' },
  'short log': { what: 'a log shorter than memory', tested: [RINGS, /a log shorter than memory/] },
  'inflight version 0': { what: 'an inflight region of version 0', tested: [BLK_RINGS, /version 0/] },
  'inflight version 2': { what: 'an inflight region of version 2', tested: [BLK_RINGS, /version 2/] },
  'inflight desc_num': {
    what: 'an inflight region of another ring size',
    tested: [BLK_RINGS, /for a smaller ring/],
  },
  'inflight next loops': {
    what: 'an inflight region whose list loops',
    tested: [BLK_RINGS, /a list that loops/],
  },
  'inflight counters': {
    what: 'an inflight region with one counter twice',
    tested: [BLK_RINGS, /one counter twice/],
  },
  'inflight used_idx': {
    what: 'an inflight region whose used index is far off',
    tested: [BLK_RINGS, /a used index that is far off/],
  },
  'IOTLB replies lost': {
    what: 'translations that never come',
    inapplicable: 'VIRTIO_F_ACCESS_PLATFORM is not offered, so none is ever asked for',
  },
} as const satisfies Record<string, Source>;

export const SOURCES: Readonly<Record<string, Source>> = {
  ...disagreements,
  ...vulnerabilities,
  ...thoughtUp,
};

export type SourceId = keyof typeof disagreements | keyof typeof vulnerabilities | keyof typeof thoughtUp;
