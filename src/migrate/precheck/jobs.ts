import type { SourceFacts } from '../facts.ts';
import { type Finding, ok, warn } from './finding.ts';

const ID = 'jobs';
const EXPECTED = 'no background job';

/** Background jobs of the source end with its process. */
export function checkJobs({ source }: SourceFacts): Finding[] {
  const running = source.jobs.filter(({ status }) => !['concluded', 'null'].includes(status));
  if (running.length === 0) return [ok(ID, 'None runs at the source', EXPECTED)];
  return running.map(({ id, type, status }) =>
    warn(
      ID,
      `Job ${id} (${type}) is ${status}`,
      EXPECTED,
      'Wait for its end: it does not travel with the guest',
    ),
  );
}
