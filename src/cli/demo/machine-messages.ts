import { asError, FerryError } from '../../errors.ts';
import type { MachineFindings } from '../../machine/index.ts';

/** What the process of the destination tells the one that started it: a JSON object a line on its standard output. */
export type DestinationMessage =
  | { readonly type: 'listening'; readonly uri: string }
  /** The transfer has ended there. */
  | {
      readonly type: 'received';
      readonly outcome: string;
      readonly why: string;
      /** Most that the engine may use there, and most that the process used without its machine's memory. In bytes. */
      readonly budgetBytes: number;
      readonly residentBytes: number;
      /** By device: most buffers that waited to be loaded, and how long loading took from the first one on. */
      readonly devices: readonly { readonly queued: number; readonly ms?: number }[];
    }
  /** Digests of something, from piece `from` on, in base64. */
  | { readonly type: 'digests'; readonly what: string; readonly from: number; readonly digests: string }
  /** What the guest found: right after it had come, and after it had worked there for a while. */
  | {
      readonly type: 'found';
      readonly when: 'at-once' | 'later';
      readonly findings: MachineFindings;
      readonly pagesWritten: number;
    }
  /** The last message: most memory that the process ever had. */
  | { readonly type: 'end'; readonly peakBytes: number };

export type MessageType = DestinationMessage['type'];

type Shape = Readonly<Record<string, 'string' | 'number' | 'object'>>;

const SHAPES: Readonly<Record<MessageType, Shape>> = {
  listening: { uri: 'string' },
  received: {
    outcome: 'string',
    why: 'string',
    budgetBytes: 'number',
    residentBytes: 'number',
    devices: 'object',
  },
  digests: { what: 'string', from: 'number', digests: 'string' },
  found: { when: 'string', findings: 'object', pagesWritten: 'number' },
  end: { peakBytes: 'number' },
};

/** The message in a line. Throws `ERR_DEMO_MESSAGE` for anything that is none. */
export function decodeMessage(line: string): DestinationMessage {
  const message: unknown = parse(line);
  const type: unknown = Reflect.get(Object(message), 'type');
  const shape = isMessageType(type) ? SHAPES[type] : undefined;
  const odd =
    shape === undefined
      ? 'type'
      : Object.entries(shape).find(([name, kind]) => typeof Reflect.get(Object(message), name) !== kind)?.[0];
  if (odd === undefined) return message as DestinationMessage;
  throw new FerryError('ERR_DEMO_MESSAGE', `The destination's process said ${clip(line)}: its ${odd} is odd`);
}

function isMessageType(type: unknown): type is MessageType {
  return typeof type === 'string' && Object.hasOwn(SHAPES, type);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    const { message } = asError(cause);
    throw new FerryError('ERR_DEMO_MESSAGE', `The destination's process said ${clip(line)}: ${message}`, {
      cause,
    });
  }
}

function clip(line: string): string {
  return JSON.stringify(line.length > 120 ? `${line.slice(0, 120)}…` : line);
}
