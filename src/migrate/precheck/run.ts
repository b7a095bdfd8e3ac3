import type { Facts, SourceFacts } from '../facts.ts';
import { checkBackEnds, checkSourceBackEnds } from './back-ends.ts';
import { checkBlockers, checkSourceBlockers } from './blockers.ts';
import { checkCapabilities, checkSourceCapabilities } from './capabilities.ts';
import { checkCpus } from './cpus.ts';
import { checkDestination } from './destination.ts';
import { checkDevices } from './devices.ts';
import { checkDisks } from './disks.ts';
import type { Finding } from './finding.ts';
import { checkGuest } from './guest.ts';
import { checkJobs } from './jobs.ts';
import { checkMachine } from './machine.ts';
import { checkMemory } from './memory.ts';
import { checkParameters } from './parameters.ts';
import { checkQueueSizes } from './queue-sizes.ts';
import { checkSharedMemory, checkSourceSharedMemory } from './shared-memory.ts';
import { checkSilentLoss } from './silent-loss.ts';
import { checkTwoSides } from './two-sides.ts';
import { checkUri } from './uri.ts';
import { checkVersions } from './versions.ts';

/** Every check, in the order in which people read them. Each looks at facts alone, and always says something. */
const CHECKS: readonly ((facts: Facts) => Finding[])[] = [
  checkTwoSides,
  checkVersions,
  checkGuest,
  checkBlockers,
  checkDestination,
  checkMachine,
  checkCpus,
  checkMemory,
  checkDevices,
  checkSilentLoss,
  checkSharedMemory,
  checkBackEnds,
  checkParameters,
  checkQueueSizes,
  checkDisks,
  checkJobs,
  checkCapabilities,
  checkUri,
];

/** Those of them that need no destination, or their part that looks at the source. */
const SOURCE_CHECKS: readonly ((facts: SourceFacts) => Finding[])[] = [
  checkGuest,
  checkSourceBlockers,
  checkSilentLoss,
  checkSourceSharedMemory,
  checkSourceBackEnds,
  checkJobs,
  checkSourceCapabilities,
];

/** What speaks for and against moving this VM to anywhere. */
export function runSourceChecks(facts: SourceFacts): Finding[] {
  return SOURCE_CHECKS.flatMap((check) => check(facts));
}

/** What speaks for and against moving this VM. */
export function runChecks(facts: Facts): Finding[] {
  return CHECKS.flatMap((check) => check(facts));
}
