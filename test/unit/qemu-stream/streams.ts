import {
  encodeEvent,
  MainStream,
  type StreamEvent,
  type StreamLimits,
} from '../../../src/qemu-stream/index.ts';

export const PAGE = 4096;
const blocks = [
  { name: 'pc.ram', length: 8 * PAGE },
  { name: 'pc.bios', length: 2 * PAGE },
];

/** What two devices saved, described as QEMU does: plain fields, an array of which one element is told, subsections. */
export const DESCRIPTION = {
  configuration: { vmsd_name: 'configuration', version: 1, fields: [] },
  page_size: PAGE,
  devices: [
    {
      name: 'timer',
      instance_id: 0,
      vmsd_name: 'timer',
      version: 2,
      fields: [
        { name: 'ticks', type: 'int64', size: 8 },
        { name: 'irqs', array_len: 3, type: 'uint16', size: 2 },
      ],
      subsections: [
        {
          vmsd_name: 'timer/extra',
          version: 1,
          fields: [{ name: 'a', index: 0, type: 'uint8', size: 1 }],
          subsections: [{ vmsd_name: 'timer/extra/deep', version: 1, fields: [] }],
        },
      ],
    },
    {
      name: '0000:00:02.0/raw',
      instance_id: 1,
      size: 5,
      fields: [{ name: 'data', size: 5, type: 'buffer' }],
    },
  ],
};

const timerSize = 8 + 6 + (6 + 'timer/extra'.length + 1) + (6 + 'timer/extra/deep'.length);

export const parts = {
  prologue: {
    type: 'prologue',
    machine: 'pc-q35-10.0',
    subsections: [
      { name: 'target-page-bits', bits: 12 },
      { name: 'capabilities', capabilities: [] },
      { name: 'uuid', uuid: Uint8Array.from({ length: 16 }, (_, i) => i) },
    ],
  },
  openReturnPath: { type: 'command', name: 'OPEN_RETURN_PATH', data: new Uint8Array(0) },
  ping: { type: 'command', name: 'PING', data: Uint8Array.of(0, 0, 0, 1) },
  switchover: { type: 'command', name: 'SWITCHOVER_START', data: new Uint8Array(0) },
  start: { type: 'start', id: 2, idstr: 'ram', instance: 0, version: 4 },
  part: { type: 'part', id: 2, idstr: 'ram' },
  end: { type: 'end', id: 2, idstr: 'ram' },
  footer: { type: 'footer', id: 2 },
  blocks: { type: 'blocks', total: 10 * PAGE, blocks },
  flush: { type: 'flush' },
  endOfRam: { type: 'end-of-ram' },
  zeroes: {
    type: 'zero-pages',
    block: blocks[0]!,
    named: true,
    offsets: Float64Array.of(0, PAGE, 5 * PAGE),
    count: 3,
  },
  page: {
    type: 'page',
    block: blocks[1]!,
    named: true,
    offset: PAGE,
    bytes: new Uint8Array(PAGE).fill(7),
  },
  xbzrle: { type: 'xbzrle', block: blocks[1]!, named: false, offset: 0, bytes: Uint8Array.of(4, 2, 9, 9) },
  devices: {
    type: 'devices',
    sections: [
      { id: 5, idstr: 'timer', instance: 0, version: 2, body: new Uint8Array(timerSize).fill(0x7e) },
      // What a guest may have put there to look like the end
      { id: 6, idstr: '0000:00:02.0/raw', instance: 1, version: 1, body: Buffer.from('\0\x06\0\0\0') },
    ],
    description: Buffer.from(JSON.stringify(DESCRIPTION)),
  },
} as const satisfies Record<string, StreamEvent>;

/** A whole stream of a source with multifd. */
export const WHOLE: readonly StreamEvent[] = [
  parts.prologue,
  parts.openReturnPath,
  parts.ping,
  ...[parts.start, parts.blocks, parts.flush, parts.endOfRam, parts.footer],
  ...[parts.part, parts.zeroes, parts.page, parts.xbzrle, parts.flush, parts.endOfRam, parts.footer],
  parts.switchover,
  ...[parts.end, parts.flush, parts.endOfRam, parts.footer],
  parts.devices,
];

export function encode(...pieces: readonly (StreamEvent | Uint8Array)[]): Buffer {
  return Buffer.concat(pieces.map((piece) => (piece instanceof Uint8Array ? piece : encodeEvent(piece))));
}

export function hex(text: string): Uint8Array {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

export interface Read {
  readonly types: string[];
  /** What the events make again. */
  readonly bytes: Buffer;
  readonly finished: boolean;
  /** What ended the reading. */
  readonly error: unknown;
}

/** Read `bytes`, in pieces that end at `cuts`, and then the end of the connection. */
export function read(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  limits: Partial<StreamLimits> = {},
): Read {
  const stream = new MainStream(limits);
  const types: string[] = [];
  const again: Uint8Array[] = [];
  const drain = () => {
    for (let event = stream.next(); event !== undefined; event = stream.next()) {
      types.push(event.type);
      again.push(encodeEvent(event));
    }
  };
  let error: unknown;
  try {
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      // A copy: whoever feeds bytes gives them away
      stream.feed(bytes.slice(from, to));
      from = to;
      drain();
    }
    stream.end();
    drain();
  } catch (thrown) {
    error = thrown;
  }
  return { types, bytes: Buffer.concat(again), finished: stream.finished, error };
}
