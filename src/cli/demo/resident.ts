import { readFileSync } from 'node:fs';
import { FerryError } from '../../errors.ts';

/** Most memory that this process ever had resident, in bytes, whatever is mapped by it included. */
export function peakResident(): number {
  const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  if (found === null) throw new FerryError('ERR_DEMO_MEMORY', '/proc/self/status does not say VmHWM');
  return Number(found[1]) * 1024;
}
