import type { Facts, SideFacts } from '../facts.ts';
import { type Finding, ok, refuse } from './finding.ts';

const ID = 'memory';
const EXPECTED = 'the same memory on both sides';

const mebibytes = (bytes: number) => `${Math.round(bytes / 1_048_576)} MiB`;

/** Size of guest memory, and its backends by name and size. */
export function checkMemory({ source, destination }: Facts): Finding[] {
  if (source.memory !== destination.memory)
    return [
      refuse(
        ID,
        `${mebibytes(source.memory)} at the source, ${mebibytes(destination.memory)} at the destination`,
        EXPECTED,
        'Start the destination with the source’s -m',
      ),
    ];
  const [here, there] = [backends(source), backends(destination)];
  if (here !== there)
    return [
      refuse(
        ID,
        `Memory backends ${here || 'none'} at the source, ${there || 'none'} at the destination`,
        EXPECTED,
        'Give the destination memory backends with the source’s ids and sizes',
      ),
    ];
  return [ok(ID, mebibytes(source.memory), EXPECTED)];
}

function backends({ memoryBackends }: SideFacts): string {
  return memoryBackends
    .map(({ id, size }) => `${id ?? 'unnamed'} (${mebibytes(size)})`)
    .toSorted()
    .join(', ');
}
