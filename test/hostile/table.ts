/** What a table of hostile requests is made of: data only, `runner.ts` plays it to a served device. */
import type { PassedName } from './passed.ts';
import type { SourceId } from './sources.ts';

/** How far a well-behaved front end has got when the hostile request comes, and where the session is afterwards. */
export type State =
  /** Connected. */
  | 'new'
  /** Every feature agreed on, owner of the device. */
  | 'negotiated'
  /** With memory. */
  | 'mapped'
  /** Ring 1 runs and serves requests. */
  | 'running'
  /** SAVE has been asked for, and nobody reads. */
  | 'saving'
  /** LOAD has been asked for, and nobody writes. */
  | 'loading';

export interface Message {
  /** The table's own request unless given. */
  readonly id?: number;
  readonly payload?: Uint8Array;
  /** What is passed along, by name. */
  readonly fds?: readonly PassedName[];
  /** Version 1 and NEED_REPLY unless given. */
  readonly flags?: number;
  /** What the header says where it is not the true size. */
  readonly size?: number;
}

/**
 * What comes back: a u64, a reply without payload, these very bytes, nothing at all, or the end of the connection.
 * Where it is nothing, the next request is answered as if this one had not been.
 */
export type Answer = bigint | 'empty' | Uint8Array | 'nothing' | 'hang-up';

export interface Row extends Message {
  readonly name: string;
  /** Where it is known from. */
  readonly source?: SourceId | readonly SourceId[];
  readonly before: State;
  /** Sent after `before` is reached and before the request itself, each with its u64 answer. */
  readonly first?: readonly (Message & { readonly answers: bigint })[];
  /** The table's refusal unless given. */
  readonly answer?: Answer;
  /** `before` unless given; `closed` where the connection is over. */
  readonly after?: State | 'closed';
  /** Sent a byte at a time. */
  readonly bytewise?: boolean;
  /** Only so many of its bytes are sent, and then the front end hangs up. */
  readonly cut?: number;
}

/** Every row of one request. */
export interface RequestTable {
  readonly request: number;
  /** What a refusal looks like: 1 for most, `empty` where the reply would carry what was asked for. */
  readonly refusal: Answer;
  readonly rows: readonly Row[];
}

interface Form {
  /** Payload that is right in form. */
  readonly payload?: Uint8Array;
  /** Descriptors that are right in number. */
  readonly fds?: readonly PassedName[];
  /** What comes back before its protocol feature is agreed on; needs none where this is not given. */
  readonly ungated?: Answer;
  /** Least and most bytes, where more than one size is right. */
  readonly sizes?: readonly [number, number];
  /** Most descriptors, where it is not the number above. */
  readonly mostFds?: number;
}

/**
 * The rows that every request has: a byte too few and too many, the longest payload there is, a descriptor too few and
 * too many, more of them than any message may have, and coming before anything is agreed on.
 */
export function formRows({ payload = new Uint8Array(0), fds = [], ungated, sizes, mostFds }: Form): Row[] {
  const [least, most] = sizes ?? [payload.length, payload.length];
  const before = 'negotiated';
  const wrongSizes = new Set(
    [least - 1, most + 1, 4096].filter((size) => size >= 0 && size <= 4096 && (size < least || size > most)),
  );
  const few = fds.slice(1);
  const many = Array.from({ length: (mostFds ?? fds.length) + 1 }, (_, i) => fds[i] ?? 'event');
  const rows: Row[] = [
    ...[...wrongSizes].map(
      (size): Row => ({ name: `${size} bytes of payload`, before, payload: new Uint8Array(size), fds }),
    ),
    { name: `${many.length} descriptors`, source: 'CVE-2019-14818', before, payload, fds: many },
    { name: '30 descriptors', source: 'CVE-2019-14818', before, payload, fds: Array(30).fill('event') },
  ];
  if (fds.length > 0) rows.push({ name: 'without its descriptor', before, payload, fds: few });
  if (ungated !== undefined)
    rows.push({ name: 'before its feature is agreed on', before: 'new', payload, fds, answer: ungated });
  return rows;
}
