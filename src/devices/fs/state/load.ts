import type { RecordReader } from '../../../state/index.ts';
import { type Destination, refuseTotals } from './destination.ts';
import { loadContents } from './load-contents.ts';
import { decodeTotals, loadNegotiated } from './load-head.ts';
import { loadHandles, loadLocks } from './load-session.ts';
import { loadEntries, loadInodes, loadXattrs } from './load-tree.ts';
import { LoadedState } from './loaded-state.ts';
import { firstRecord, type Loader, readSections } from './read-sections.ts';
import { SECTION_ORDER, Sections } from './sections.ts';
import { verifyTree } from './verify.ts';

const loaders = new Map<string, Loader<LoadedState>>([
  [Sections.negotiated.name, loadNegotiated],
  [Sections.inodes.name, loadInodes],
  [Sections.entries.name, loadEntries],
  [Sections.xattrs.name, loadXattrs],
  [Sections.contents.name, loadContents],
  [Sections.handles.name, loadHandles],
  [Sections.locks.name, loadLocks],
]);

/**
 * Read a whole state and build what it says, beside whatever there is. Throws `FsStateError` where it makes no sense,
 * `FsRefusal` where it does not fit this device, and what `records` throws; nothing is kept then.
 */
export function loadState(records: RecordReader, destination: Destination): LoadedState {
  const totals = decodeTotals(firstRecord(records.next(), Sections.totals));
  refuseTotals(totals, destination);
  const state = new LoadedState(totals, destination);
  try {
    readSections(state, records, SECTION_ORDER, loaders);
    verifyTree(state);
    return state;
  } catch (error) {
    state[Symbol.dispose]();
    throw error;
  }
}
