/**
 * What the two ends say on the main connection. All numbers are big-endian.
 *
 *     0   u32  magic 0x46524354, "FRCT"
 *     4   u16  kind, never 0
 *     6   u16  reserved, 0
 *     8   u32  length of the body
 *     12       body
 *     …   u32  CRC-32C of all of the above
 */
import { MAX_DEVICES } from '../../slots/index.ts';
import { MAX_BLOCKS, MAX_NAME, MAX_TEXT } from '../limits.ts';
import {
  type Field,
  flag,
  list,
  oneOf,
  type RecordOf,
  raw,
  record,
  text,
  u8,
  u16,
  u32,
  u64,
} from './fields.ts';

export const MAGIC = 0x46524354;
export const VERSION = 1;

const METHODS = ['none', 'zlib', 'zstd'] as const;

const block = record({ name: text(MAX_NAME), length: u64 });
const device = record({ idstr: text(MAX_NAME), instance: u32 });

/** Bodies by kind; a kind's number is its place, counted from 1, and stays for good. */
const BODIES = {
  /** Source: what it proposes. `oneWay`: this is a file, nobody answers. */
  open: {
    version: u16,
    oldest: u16,
    oneWay: flag,
    uuid: raw(16),
    pageSize: u32,
    channels: u8,
    method: oneOf(...METHODS),
    deviceMethod: oneOf('none', 'zstd'),
    checksum: flag,
    blocks: list(block, MAX_BLOCKS),
    devices: list(device, MAX_DEVICES),
  },
  /** Destination: agreed; the channels may come. */
  accept: { version: u16, budget: u64 },
  /** Destination: not agreed; nothing has happened. */
  refuse: { code: text(64), why: text(MAX_TEXT) },
  /** Source: every channel has written SYNC `n`. */
  barrier: { n: u32 },
  /** Destination: every channel has read it, and goes on. */
  'barrier-done': { n: u32 },
  /** Source: the machine stands still. */
  switchover: { pass: u32 },
  /** Destination: buffers of a device below index `below` may be sent. */
  credit: { device: u16, below: u32 },
  /** Destination: buffers of a device below index `below` have arrived. */
  received: { device: u16, below: u32 },
  /** Destination: a device's state was verified and is staged. */
  'device-loaded': { device: u16, ms: u32, bytes: u64 },
  /** Destination: the connection `attempt` of a channel broke here; it waits for another. */
  'channel-lost': { channel: u8, attempt: u32, why: text(MAX_TEXT) },
  /** Source: all was sent. Pages count only where `channelsLost` is 0. */
  end: {
    barriers: u32,
    normal: u64,
    zero: u64,
    channelsLost: u32,
    devices: list(record({ buffers: u32 }), MAX_DEVICES),
  },
  /** Destination: all of it is here, verified and staged. */
  loaded: {},
  /** Source: the machine is yours. */
  commit: {},
  /** Destination: it runs. */
  started: {},
  /** Either: the transfer is over, as somebody wanted. Who says so will not start (destination) or hand over (source). */
  cancel: { why: text(MAX_TEXT) },
  /** Either: the transfer is over, as something failed. The same holds. */
  failed: { code: text(64), why: text(MAX_TEXT) },
  /** Either: still there. */
  'keep-alive': {},
} as const;

export const MESSAGE_KINDS = Object.keys(BODIES) as readonly MessageKind[];

export type MessageKind = keyof typeof BODIES;

/** A message: its kind and the fields of its body. */
export type Message = {
  [K in MessageKind]: { readonly kind: K } & RecordOf<(typeof BODIES)[K]>;
}[MessageKind];

export type MessageOf<K extends MessageKind> = Extract<Message, { readonly kind: K }>;

/** The layout of a kind's body. */
export const LAYOUTS = Object.freeze(
  Object.fromEntries(MESSAGE_KINDS.map((kind) => [kind, record(BODIES[kind])])),
) as Readonly<Record<MessageKind, Field<Readonly<Record<string, unknown>>>>>;
