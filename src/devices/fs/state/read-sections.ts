import type { IncomingRecord, RecordReader, Section } from '../../../state/index.ts';
import { FsStateError } from './errors.ts';
import { RecordFields } from './record-fields.ts';

/** Takes one record of a section into `state`. */
export type Loader<S> = (state: S, fields: RecordFields) => void;

/** The fields of `record`, which has to be of `section`: that comes first in a state. */
export function firstRecord(record: IncomingRecord | undefined, section: Section): RecordFields {
  if (record?.section !== section.name)
    throw new FsStateError(
      'ERR_FS_STATE_ORDER',
      section.name,
      `expected as the first record, found ${record === undefined ? 'no record at all' : record.section}`,
    );
  return new RecordFields(record.section, record.payload);
}

/** Load every record into `state`; their sections come in `order`. Throws `FsStateError` where they do not. */
export function readSections<S>(
  state: S,
  records: RecordReader,
  order: readonly Section[],
  loaders: ReadonlyMap<string, Loader<S>>,
): void {
  let place = 0;
  for (let record = records.next(); record !== undefined; record = records.next()) {
    const name = record.section;
    const found = order.findIndex((section) => section.name === name);
    const load = loaders.get(name);
    if (load === undefined || found < place)
      throw new FsStateError(
        'ERR_FS_STATE_ORDER',
        name,
        `a record of this section after one of ${order[place]!.name}`,
      );
    place = found;
    load(state, new RecordFields(name, record.payload));
  }
}
