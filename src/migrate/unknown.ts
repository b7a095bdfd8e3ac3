import type { Sides } from './move.ts';
import type { Ending } from './verdict.ts';

/** The source does not answer since it was told to go on: it may hold the guest, or may have handed it over. */
export function silentInSwitchover(sides: Sides, what: string): Ending {
  return {
    outcome: 'unknown',
    code: 'source-silent',
    why: `${what} during the switchover. Neither side was started from here`,
    guestAt: 'unknown',
    nextSteps: afterSwitchover(sides),
  };
}

/** The source's monitor has gone since it was told to go on, and its process is not proven dead. */
export function lostInSwitchover(sides: Sides, what: string): Ending {
  return {
    outcome: 'unknown',
    code: 'source-lost',
    why: `${what} during the switchover. Neither side was started from here`,
    guestAt: 'unknown',
    nextSteps: afterSwitchover(sides),
  };
}

function afterSwitchover({ source, destination }: Sides): string[] {
  return [
    `Ask ${source.name}: query-status and query-migrate`,
    `If it is running, the guest is there: quit ${destination.name}`,
    `If it is postmigrate, or its process is certainly dead, and ${destination.name} says completed: send cont there`,
    'Never send cont to one side before the other is known not to run',
  ];
}

/** Somebody else drives the same QEMUs: nothing is undone, because the guest may run at the destination by now. */
export function interfered({ source, destination }: Sides, what: string): Ending {
  return {
    outcome: 'unknown',
    code: 'interfered',
    why: `${what}: somebody else drives ${source.name} too. Neither side was started or stopped from here`,
    guestAt: 'unknown',
    nextSteps: [
      `Ask ${destination.name}: query-status. If it is running, the guest is there`,
      `If it waits, stopped: send cont there, and never to ${source.name}`,
    ],
  };
}

/** `cont` was sent to the destination and nobody can tell whether it arrived. */
export function lostInCommit({ source, destination }: Sides, what: string): Ending {
  return {
    outcome: 'unknown',
    code: 'destination-lost',
    why: `${what} after it was told to start the guest. The source was not started again`,
    guestAt: 'unknown',
    nextSteps: [
      `Ask ${destination.name}: query-status`,
      'If it is running, the guest is there and all is well',
      `If its process is dead, the guest may have run there for a moment and written to its disks: start the VM anew, or send cont to ${source.name} only if nothing was written`,
      `Never send cont to ${source.name} while the destination may be running`,
    ],
  };
}

/** The source cannot be asked, but it was never told to hand the guest over: the guest can only be there. */
export function lostBeforeSwitchover({ source, destination }: Sides, what: string): Ending {
  return {
    outcome: 'unknown',
    code: 'source-unseen',
    why: `${what}, so that the guest was not seen to run. It was never handed over: if it runs, it runs at the source`,
    guestAt: 'unknown',
    nextSteps: [
      `Ask ${source.name}: query-status and query-migrate`,
      'If it waits in pre-switchover, send migrate_cancel: the guest goes on there',
      `Quit ${destination.name} if it is still there: it holds an incomplete guest`,
    ],
  };
}

/** The caller forced an end in the middle of undoing. */
export function forcedEnd(sides: Sides, what: string): Ending {
  return halfway(sides, 'forced', `An end was forced. ${what}`);
}

/** Undoing itself failed in a way that nobody foresaw. */
export function failedToUndo(sides: Sides, what: string): Ending {
  return halfway(sides, 'not-undone', `${what}. The move was not undone`);
}

function halfway({ source, destination }: Sides, code: string, why: string): Ending {
  return {
    outcome: 'unknown',
    code,
    why,
    guestAt: 'unknown',
    nextSteps: [
      `Ask ${source.name}: query-status; if it waits in pre-switchover or is still migrating, send migrate_cancel`,
      `Quit ${destination.name} once the guest runs at the source`,
    ],
  };
}
