import { DecodeError } from '../errors.ts';
import { QmpProtocolError } from './errors.ts';
import { anything, integer, list, object, optional, type Shape, text } from './shape.ts';

/** What QEMU says first. */
export interface QmpGreeting {
  readonly version: {
    readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number };
    readonly package: string;
  };
  readonly capabilities: readonly string[];
}

/** One line from QEMU after the greeting. Ids that are not texts cannot be ours. */
export type QmpMessage =
  | { readonly kind: 'return'; readonly id: unknown; readonly value: unknown }
  | {
      readonly kind: 'error';
      readonly id: unknown;
      readonly errorClass: string;
      readonly description: string;
    }
  | { readonly kind: 'event'; readonly name: string; readonly data: unknown; readonly seconds: number };

const greetingShape = object<{ QMP: QmpGreeting }>({
  QMP: object<QmpGreeting>({
    version: object<QmpGreeting['version']>({
      qemu: object<QmpGreeting['version']['qemu']>({ major: integer, minor: integer, micro: integer }),
      package: text,
    }),
    capabilities: list(text),
  }),
});

interface Envelope {
  return?: unknown;
  error?: { class: string; desc: string };
  event?: string;
  data?: unknown;
  timestamp?: { seconds: number; microseconds: number };
  id?: unknown;
}

const envelopeShape: Shape<Envelope> = object<Envelope>({
  return: optional(anything),
  error: optional(object<{ class: string; desc: string }>({ class: text, desc: text })),
  event: optional(text),
  data: optional(anything),
  timestamp: optional(
    object<{ seconds: number; microseconds: number }>({ seconds: integer, microseconds: integer }),
  ),
  id: optional(anything),
});

const SHOWN = 80;

function excerpt(line: string): string {
  return line.length > SHOWN ? `${JSON.stringify(line.slice(0, SHOWN))} and more` : JSON.stringify(line);
}

function decode<T>(line: string, shape: Shape<T>, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new QmpProtocolError(`Found ${excerpt(line)} where ${what} was expected, one JSON object a line`, {
      cause,
    });
  }
  try {
    return shape(value, what);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new QmpProtocolError(`Found ${excerpt(line)}: ${cause.message}`, { cause });
  }
}

/** The first line of a connection. */
export function decodeGreeting(line: string): QmpGreeting {
  return decode(line, greetingShape, 'a QMP greeting').QMP;
}

/** Any further line: exactly one of an answer, a refusal and an event. */
export function decodeMessage(line: string): QmpMessage {
  const message = decode(line, envelopeShape, 'a QMP message');
  const kinds = ['return', 'error', 'event'] as const;
  const found = kinds.filter((kind) => message[kind] !== undefined);
  if (found.length !== 1)
    throw new QmpProtocolError(
      `Found ${excerpt(line)} with ${found.length === 0 ? 'none' : found.join(' and ')} of return, error and event, expected one`,
    );
  if (message.event !== undefined)
    return {
      kind: 'event',
      name: message.event,
      data: message.data ?? {},
      seconds:
        (message.timestamp?.seconds ?? 0) + Math.max(0, message.timestamp?.microseconds ?? 0) / 1_000_000,
    };
  if (message.error !== undefined)
    return {
      kind: 'error',
      id: message.id,
      errorClass: message.error.class,
      description: message.error.desc,
    };
  return { kind: 'return', id: message.id, value: message.return };
}
