import { formatList, listDigest, type MigrationList, readList } from '../compat/index.ts';
import { asError } from '../errors.ts';
import { type IncomingRecord, type RecordWriter, type Section, StateError } from '../state/index.ts';
import { MAX_LIST } from './limits.ts';

/**
 * The SDK's own section in the second format of state: the first record of all, once.
 *
 *     0  u32  bytes of the list
 *     4  32   SHA-256 of the list
 *    36       the migration parameter list of the device that was saved, as canonical text in UTF-8
 */
export const PARAMETERS_SECTION: Section = { name: 'ferry.parameters', version: 1, required: true };

const DIGEST_AT = 4;
const TEXT_AT = 36;

/** Append the record of `list`. */
export function writeParameters(records: RecordWriter, list: MigrationList): void {
  const text = new TextEncoder().encode(formatList(list));
  const head = new Uint8Array(TEXT_AT);
  new DataView(head.buffer).setUint32(0, text.length, true);
  head.set(Buffer.from(listDigest(list), 'hex'), DIGEST_AT);
  records.write(PARAMETERS_SECTION, head, text);
}

/** The list in a record. Throws a `StateError` for what cannot be. */
export function readParameters({ payload }: IncomingRecord): MigrationList {
  if (payload.length < TEXT_AT) throw bad(`${payload.length} bytes, expected at least ${TEXT_AT}`);
  const length = new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0, true);
  if (length > MAX_LIST) throw bad(`a list of ${length} bytes, expected at most ${MAX_LIST}`);
  if (length !== payload.length - TEXT_AT)
    throw bad(
      `a list of ${length} bytes in a record of ${payload.length}, expected ${payload.length - TEXT_AT}`,
    );
  const list = decodeList(payload.subarray(TEXT_AT));
  const digest = Buffer.from(payload.subarray(DIGEST_AT, TEXT_AT)).toString('hex');
  if (digest !== listDigest(list)) throw bad('the digest is of another list');
  return list;
}

function decodeList(bytes: Uint8Array): MigrationList {
  let text: string;
  let list: MigrationList;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    list = readList(text);
  } catch (cause) {
    throw bad(`no list: ${asError(cause).message}`);
  }
  if (formatList(list) !== text) throw bad('the list is not written as lists are: sorted by name');
  return list;
}

function bad(message: string): StateError {
  return new StateError('ERR_STATE_SECTION', PARAMETERS_SECTION.name, message);
}
