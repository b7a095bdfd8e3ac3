import { DEFAULT_PAGE_SIZE, SectionType, STREAM_MAGIC, STREAM_VERSION } from './constants.ts';
import { StreamError } from './errors.ts';
import type { ConfigurationSubsection, Steps, StreamEvent } from './events.ts';
import type { StreamInput } from './input.ts';
import { MAX_CAPABILITIES, MAX_MACHINE_NAME } from './limits.ts';

type Prologue = Extract<StreamEvent, { type: 'prologue' }>;

/** What the prologue says of how the rest is to be read. */
export interface Dialect {
  readonly pageSize: number;
  /** Blocks that both sides share are listed with their address, and never sent. */
  readonly ignoreShared: boolean;
}

/**
 * `u32 magic, u32 version`, then `u8 7, u32 length, machine type`, then subsections: `u8 5, u8 length, name, u32 version`
 * and a body without a length. The next section's first byte is never 5.
 */
export function* readPrologue(input: StreamInput): Steps<Prologue> {
  yield* input.need(8, 'header');
  const magic = input.u32();
  if (magic !== STREAM_MAGIC) throw wrong(input, 'magic', `0x${hex(magic)}, expected 0x${hex(STREAM_MAGIC)}`);
  const version = input.u32();
  if (version !== STREAM_VERSION) throw wrong(input, 'version', `${version}, expected ${STREAM_VERSION}`);
  yield* input.need(5, 'configuration');
  const type = input.u8();
  if (type !== SectionType.configuration)
    throw wrong(input, 'configuration', `section type 0x${type.toString(16)} in its place`, 1);
  const length = input.u32();
  if (length > MAX_MACHINE_NAME)
    throw new StreamError(
      'ERR_QEMU_LIMIT',
      'machine type',
      `${length} bytes, at most ${MAX_MACHINE_NAME} are taken`,
      input.offset - 4,
    );
  const machine = yield* input.name(length, 'machine type');
  const subsections: ConfigurationSubsection[] = [];
  for (;;) {
    yield* input.need(1, 'section type');
    if (input.peek(0) !== SectionType.subsection) break;
    const next = yield* readSubsection(input);
    if (subsections.some(({ name }) => name === next.name))
      throw wrong(input, `configuration/${next.name}`, 'comes twice', 0);
    subsections.push(next);
  }
  return { type: 'prologue', machine, subsections };
}

/** How to read what comes after `prologue`. Throws for a stream that is kept in a file of fixed places. */
export function dialectOf({ subsections }: Prologue, offset: number): Dialect {
  let pageSize = DEFAULT_PAGE_SIZE;
  let ignoreShared = false;
  for (const one of subsections) {
    if (one.name === 'target-page-bits') pageSize = 2 ** one.bits;
    if (one.name !== 'capabilities') continue;
    if (one.capabilities.includes('mapped-ram'))
      throw new StreamError(
        'ERR_QEMU_UNSUPPORTED',
        'mapped-ram',
        'is not taken: its pages lie in fixed places of a file',
        offset,
      );
    ignoreShared = one.capabilities.includes('x-ignore-shared');
  }
  return { pageSize, ignoreShared };
}

function* readSubsection(input: StreamInput): Steps<ConfigurationSubsection> {
  yield* input.need(2, 'configuration subsection');
  input.u8();
  const full = yield* input.name(input.u8(), 'configuration subsection');
  yield* input.need(4, full);
  const version = input.u32();
  if (version !== 1) throw wrong(input, full, `version ${version}, expected 1`);
  switch (full) {
    case 'configuration/target-page-bits': {
      yield* input.need(4, full);
      const bits = input.u32();
      if (bits < 12 || bits > 16) throw wrong(input, full, `${bits}, expected 12 to 16`);
      return { name: 'target-page-bits', bits };
    }
    case 'configuration/capabilities':
      return { name: 'capabilities', capabilities: yield* readCapabilities(input, full) };
    case 'configuration/uuid':
      yield* input.need(16, full);
      return { name: 'uuid', uuid: input.take(16).slice() };
    default:
      throw new StreamError(
        'ERR_QEMU_UNSUPPORTED',
        full,
        'is not known, so that its end cannot be found',
        input.offset,
      );
  }
}

function* readCapabilities(input: StreamInput, field: string): Steps<string[]> {
  yield* input.need(4, field);
  const count = input.u32();
  if (count > MAX_CAPABILITIES)
    throw new StreamError(
      'ERR_QEMU_LIMIT',
      field,
      `${count} capabilities, at most ${MAX_CAPABILITIES} are taken`,
      input.offset - 4,
    );
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    yield* input.need(1, field);
    names.push(yield* input.name(input.u8(), field));
  }
  return names;
}

function wrong(input: StreamInput, field: string, message: string, back = 4): StreamError {
  return new StreamError('ERR_QEMU_STREAM', field, message, input.offset - back);
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
