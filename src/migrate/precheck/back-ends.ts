import type { BackEnd, Facts, SideFacts, SourceFacts } from '../facts.ts';
import { type Finding, ok, refuse, warn } from './finding.ts';

const ID = 'back-ends';
const EXPECTED = 'Ferry back ends that log writes and transfer their state';
const NEEDED = ['LOG_SHMFD', 'DEVICE_STATE'];

/** What Ferry's own back ends have negotiated. Others are left to QEMU, which names what they lack as blockers. */
export function checkBackEnds({ source, destination }: Facts): Finding[] {
  return orNamed(source, [
    ...lacking(source, 'source'),
    ...lacking(destination, 'destination'),
    ...pairs(source, destination),
  ]);
}

/** What those of the source have negotiated. */
export function checkSourceBackEnds({ source }: SourceFacts): Finding[] {
  return orNamed(source, lacking(source, 'source'));
}

function orNamed(source: SideFacts, findings: Finding[]): Finding[] {
  if (findings.length > 0) return findings;
  const names = source.backEnds.map(
    ({ chardev, status }) => `${chardev} (${status.device} ${status.version})`,
  );
  return [ok(ID, names.length === 0 ? 'None of Ferry’s' : names.join(', '), EXPECTED)];
}

function lacking({ backEnds }: SideFacts, role: string): Finding[] {
  return backEnds.flatMap(({ chardev, socketPath, status }) => {
    const missing = NEEDED.filter((name) => status.negotiated?.protocolFeatures.includes(name) === false);
    if (missing.length === 0) return [];
    const found = `${chardev} (${socketPath}) at the ${role} negotiated no ${missing.join(' and no ')}`;
    return [refuse(ID, found, EXPECTED, 'Use a QEMU from 8.2 on, and a device that supports migration')];
  });
}

function pairs(source: SideFacts, destination: SideFacts): Finding[] {
  const there = new Map(destination.backEnds.map((backEnd) => [backEnd.chardev, backEnd]));
  return source.backEnds.flatMap((here) => mismatch(here, there.get(here.chardev)));
}

function mismatch(here: BackEnd, there: BackEnd | undefined): Finding[] {
  const { chardev, status } = here;
  if (there === undefined)
    return [
      warn(
        ID,
        `${chardev} is Ferry’s ${status.device} at the source, something else or unreachable at the destination`,
        EXPECTED,
        'Start a Ferry back end of the same kind for the destination, unless its control socket is on another host',
      ),
    ];
  if (there.socketPath === here.socketPath)
    return [
      refuse(
        ID,
        `${chardev} is one back end for both sides: ${here.socketPath}`,
        EXPECTED,
        'Start a second one',
      ),
    ];
  if (there.status.device !== status.device)
    return [
      refuse(
        ID,
        `${chardev} is ${status.device} at the source, ${there.status.device} at the destination`,
        EXPECTED,
        `Start a ${status.device} back end for the destination`,
      ),
    ];
  return [];
}
