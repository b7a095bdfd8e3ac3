/** One message of each kind. */
import type { Message, MessageOf } from '../../../src/engine/transfer/control/messages.ts';

export const OPEN: MessageOf<'open'> = {
  kind: 'open',
  version: 1,
  oldest: 1,
  oneWay: false,
  uuid: Uint8Array.from({ length: 16 }, (_, i) => i),
  pageSize: 4096,
  channels: 4,
  method: 'zstd',
  deviceMethod: 'none',
  checksum: true,
  blocks: [
    { name: 'ram', length: 2 ** 40 },
    { name: 'drivers', length: 65_536 },
  ],
  devices: [
    { idstr: '0000:00:03.0/disk', instance: 0 },
    { idstr: 'é', instance: 2 ** 32 - 1 },
  ],
};

export const ALL_MESSAGES: readonly Message[] = [
  OPEN,
  { kind: 'accept', version: 1, budget: 2 ** 40 },
  { kind: 'refuse', code: 'ERR_TRANSFER_REFUSED', why: 'Block ram has 2 pages, expected 3' },
  { kind: 'barrier', n: 0 },
  { kind: 'barrier-done', n: 2 ** 32 - 1 },
  { kind: 'switchover', pass: 12 },
  { kind: 'credit', device: 3, below: 77 },
  { kind: 'received', device: 3, below: 76 },
  { kind: 'device-loaded', device: 65_535, ms: 12, bytes: 2 ** 50 },
  { kind: 'channel-lost', channel: 254, attempt: 2, why: 'reset by peer' },
  {
    kind: 'end',
    barriers: 12,
    normal: 5,
    zero: 6,
    channelsLost: 0,
    devices: [{ buffers: 8 }, { buffers: 1 }],
  },
  { kind: 'loaded' },
  { kind: 'commit' },
  { kind: 'started' },
  { kind: 'cancel', why: '' },
  { kind: 'failed', code: 'ERR_DEADLINE', why: 'zu spät' },
  { kind: 'keep-alive' },
];
