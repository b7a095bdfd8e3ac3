import { Errno, errnoName, PAGE_SIZE } from '../../../sys/index.ts';
import { inodeOf } from './load-tree.ts';
import type { LoadedState } from './loaded-state.ts';
import type { RecordFields } from './record-fields.ts';
import { RUN_SIZE, RUNS_AT } from './sections.ts';

/** Take in the runs of a record: memory is taken for each, and its data is written there straight from the payload. */
export function loadContents(state: LoadedState, fields: RecordFields): void {
  const payload = fields.bytes;
  const runs = fields.u32('runs');
  fields.zero('reserved');
  if (runs * RUN_SIZE > fields.remaining)
    throw fields.error('ERR_FS_STATE_LENGTH', 'runs', `${runs} runs in ${fields.remaining} bytes`);
  let at = RUNS_AT + runs * RUN_SIZE;
  for (let run = 0; run < runs; run++) {
    const { content, ino } = inodeOf(state, fields, 'ino');
    const page = fields.u64('page');
    const count = fields.u32('count');
    const bytes = fields.u32('bytes');
    if (content === undefined)
      throw fields.error('ERR_FS_STATE_REFERENCE', 'ino', `inode ${ino} is no regular file`);
    const pages = Math.ceil(bytes / PAGE_SIZE);
    if (count === 0 || (bytes > 0 && (pages !== count || page * PAGE_SIZE + bytes > content.size)))
      throw fields.error(
        'ERR_FS_STATE_VALUE',
        'bytes',
        `${bytes} bytes for ${count} pages from page ${page} of a file of ${content.size}`,
      );
    if (at + bytes > payload.length)
      throw fields.error('ERR_FS_STATE_LENGTH', 'bytes', `${bytes}, ${payload.length - at} are left`);
    const result = content.restore(page, count, payload.subarray(at, at + bytes));
    if (result === -Errno.EEXIST)
      throw fields.error(
        'ERR_FS_STATE_DUPLICATE',
        'page',
        `${count} pages from ${page} overlap others of ${ino}`,
      );
    if (result < 0)
      throw fields.error('ERR_FS_STATE_COUNT', 'count', `${count} pages from ${page}: ${errnoName(-result)}`);
    at += bytes;
  }
  if (at !== payload.length)
    throw fields.error('ERR_FS_STATE_LENGTH', 'end', `${payload.length - at} bytes after the last run`);
}
