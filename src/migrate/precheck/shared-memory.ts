import type { Facts, SideFacts, SourceFacts } from '../facts.ts';
import { type Finding, ok, refuse } from './finding.ts';

const ID = 'shared-memory';
const EXPECTED = 'guest memory that back ends can map (share=on)';

/** With vhost-user devices, all guest memory is shared on both sides. */
export function checkSharedMemory({ source, destination }: Facts): Finding[] {
  return check(source, () => [...unshared(source, 'source'), ...unshared(destination, 'destination')]);
}

/** With vhost-user devices, all guest memory is shared at the source. */
export function checkSourceSharedMemory({ source }: SourceFacts): Finding[] {
  return check(source, () => unshared(source, 'source'));
}

function check(source: SideFacts, find: () => Finding[]): Finding[] {
  const users = source.peripherals
    .filter(({ type }) => type.startsWith('vhost-user-'))
    .map(({ name }) => name);
  const behind = source.backEnds.map(({ chardev }) => chardev);
  if (users.length + behind.length === 0) return [ok(ID, 'No back end maps guest memory', EXPECTED)];
  const findings = find();
  return findings.length > 0
    ? findings
    : [ok(ID, `All of it is shared, for ${[...users, ...behind].join(', ')}`, EXPECTED)];
}

function unshared({ memoryBackends }: SideFacts, role: string): Finding[] {
  const remedy = 'Use -object memory-backend-memfd,id=…,size=…,share=on and -machine memory-backend=…';
  const found = memoryBackends.filter(({ share }) => !share).map(({ id }) => id ?? 'unnamed');
  if (memoryBackends.length === 0)
    return [refuse(ID, `Memory without a backend at the ${role}`, EXPECTED, remedy)];
  return found.map((id) => refuse(ID, `Memory backend ${id} at the ${role} is private`, EXPECTED, remedy));
}
