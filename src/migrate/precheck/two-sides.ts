import type { Facts } from '../facts.ts';
import { type Finding, ok, refuse, warn } from './finding.ts';

const ID = 'two-sides';
const EXPECTED = 'two QEMU processes with one identity';

/** `what` is named as both sides. */
export function oneForBoth(what: string): Finding {
  return refuse(ID, `${what} is both source and destination`, EXPECTED, 'Name the other QEMU’s monitor');
}

/** Source and destination are two processes that hold the same VM. */
export function checkTwoSides({ source, destination }: Facts): Finding[] {
  if (source.pid !== undefined && source.pid === destination.pid)
    return [oneForBoth(`${source.monitor} and ${destination.monitor}, process ${source.pid},`)];
  if (source.uuid !== destination.uuid)
    return [
      warn(
        ID,
        `UUID ${source.uuid} at the source, ${destination.uuid} at the destination`,
        EXPECTED,
        'Start the destination with the source’s -uuid, or make sure that it is the right VM',
      ),
    ];
  if (source.name !== destination.name)
    return [
      warn(
        ID,
        `Name ${source.name ?? 'none'} at the source, ${destination.name ?? 'none'} at the destination`,
        EXPECTED,
        'Make sure that it is the right VM',
      ),
    ];
  return [ok(ID, `${source.name ?? 'A VM without a name'}, UUID ${source.uuid}`, EXPECTED)];
}
