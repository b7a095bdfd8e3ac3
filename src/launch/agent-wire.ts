/**
 * The text that the host and the agent in a test guest exchange over a serial port, one line each:
 *
 *     request   id actor command argument… *crc
 *     answer    id ok key=value… *crc  |  id error errno message *crc  |  id wrong why *crc
 *     notice    !hello key=value… *crc  |  !beat count microseconds *crc
 *
 * Words are separated by one blank; blanks, control characters, `%` and bytes above 126 are written as `%xx`. The crc is
 * the CRC-32 (as in zlib) of what comes before ` *`, in 8 hex digits. A line that does not check is as good as lost.
 */
import { crc32 } from 'node:zlib';
import { DecodeError } from '../errors.ts';

/** Longest line on either side, with its end. */
export const MAX_LINE = 65_536;

export type AgentLine =
  | { readonly kind: 'ok'; readonly id: number; readonly fields: ReadonlyMap<string, string> }
  | { readonly kind: 'error'; readonly id: number; readonly errno: number; readonly message: string }
  | { readonly kind: 'wrong'; readonly id: number; readonly message: string }
  | { readonly kind: 'hello'; readonly fields: ReadonlyMap<string, string> }
  | { readonly kind: 'beat'; readonly count: number; readonly guestTime: number };

/** A request as it goes over the wire. @throws DecodeError ERR_AGENT_LINE when it would be too long */
export function encodeRequest(id: number, actor: number, command: string, args: readonly string[]): string {
  const line = [id, actor, command, ...args.map(escapeWord)].join(' ');
  if (line.length > MAX_LINE - 16) {
    throw new DecodeError(
      'ERR_AGENT_LINE',
      command,
      `takes ${line.length} characters, at most ${MAX_LINE - 16} fit`,
    );
  }
  return `${line} *${checksum(line)}\n`;
}

/** What a line says, or undefined when it does not check. @throws DecodeError ERR_AGENT_LINE when it checks and makes no sense */
export function decodeLine(text: string): AgentLine | undefined {
  const mark = text.lastIndexOf(' *');
  if (mark < 0 || text.slice(mark + 2) !== checksum(text.slice(0, mark))) return undefined;
  const [first = '', second = '', ...rest] = text.slice(0, mark).split(' ');
  if (first === '!hello') return { kind: 'hello', fields: fields([second, ...rest]) };
  if (first === '!beat') return { kind: 'beat', count: count(second), guestTime: count(rest[0] ?? '') };
  const id = count(first);
  if (second === 'ok') return { kind: 'ok', id, fields: fields(rest) };
  if (second === 'wrong') return { kind: 'wrong', id, message: unescapeWord(rest[0] ?? '') };
  if (second === 'error') {
    return { kind: 'error', id, errno: count(rest[0] ?? ''), message: unescapeWord(rest[1] ?? '') };
  }
  throw new DecodeError('ERR_AGENT_LINE', 'answer', `is of the unknown kind ${JSON.stringify(second)}`);
}

function checksum(line: string): string {
  return crc32(line).toString(16).padStart(8, '0');
}

function escapeWord(word: string): string {
  return [...Buffer.from(word)]
    .map((byte) =>
      byte <= 0x20 || byte >= 0x7f || byte === 0x25
        ? `%${byte.toString(16).padStart(2, '0')}`
        : String.fromCharCode(byte),
    )
    .join('');
}

function unescapeWord(word: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < word.length; i++) {
    if (word[i] === '%') {
      bytes.push(Number.parseInt(word.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(word.charCodeAt(i));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

function fields(words: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals > 0) map.set(word.slice(0, equals), unescapeWord(word.slice(equals + 1)));
  }
  return map;
}

function count(word: string): number {
  const value = Number(word);
  if (word === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new DecodeError('ERR_AGENT_LINE', 'number', `is ${JSON.stringify(word)}`);
  }
  return value;
}
