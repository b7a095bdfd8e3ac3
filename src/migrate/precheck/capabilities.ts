import type { Facts, SideFacts, SourceFacts } from '../facts.ts';
import { type Finding, ok, refuse } from './finding.ts';

const ID = 'capabilities';
const EXPECTED = 'both sides able to speak the same stream, with a way back';

/** Without these a move cannot be made safe. */
export const SOURCE_CAPABILITIES = ['return-path', 'events', 'pause-before-switchover'] as const;
export const DESTINATION_CAPABILITIES = ['return-path', 'events', 'late-block-activate'] as const;

/** Settings that shape the stream: one side alone having them makes the other fail in the middle. */
const SHAPING = [
  'multifd',
  'postcopy-ram',
  'x-ignore-shared',
  'mapped-ram',
  'switchover-ack',
  'dirty-bitmaps',
];

/** Settings that exclude a return path, or mean something else than moving a guest. */
const EXCLUDED = ['x-colo', 'background-snapshot'];

/** Migration capabilities and parameters that are there, and those that somebody has set before. */
export function checkCapabilities({ source, destination }: Facts): Finding[] {
  return orFine([
    ...missing(source, SOURCE_CAPABILITIES, 'source'),
    ...missing(destination, DESTINATION_CAPABILITIES, 'destination'),
    ...SHAPING.flatMap((name) => differing(name, source, destination)),
    ...excluded(source),
    ...mode(source),
    ...compression(source, destination),
  ]);
}

/** What the source has set before, and what it lacks for any move. */
export function checkSourceCapabilities({ source }: SourceFacts): Finding[] {
  return orFine([...missing(source, SOURCE_CAPABILITIES, 'source'), ...excluded(source), ...mode(source)]);
}

function orFine(findings: Finding[]): Finding[] {
  return findings.length > 0 ? findings : [ok(ID, SOURCE_CAPABILITIES.join(', '), EXPECTED)];
}

function excluded(source: SideFacts): Finding[] {
  return EXCLUDED.filter((name) => source.capabilities.get(name) === true).map((name) =>
    refuse(ID, `${name} is on at the source`, EXPECTED, `Switch ${name} off with migrate-set-capabilities`),
  );
}

function missing(side: SideFacts, names: readonly string[], role: string): Finding[] {
  return names
    .filter((name) => !side.capabilities.has(name))
    .map((name) => refuse(ID, `QEMU at the ${role} has no ${name}`, EXPECTED, 'Use a QEMU from 8.2 on'));
}

function differing(name: string, source: SideFacts, destination: SideFacts): Finding[] {
  const [here, there] = [source, destination].map((side) => side.capabilities.get(name) ?? false);
  if (here === there) return [];
  const found = `${name} is ${here ? 'on' : 'off'} at the source, ${there ? 'on' : 'off'} at the destination`;
  return [refuse(ID, found, EXPECTED, `Set ${name} alike on both sides with migrate-set-capabilities`)];
}

function mode({ parameters }: SideFacts): Finding[] {
  const value = parameters.mode ?? 'normal';
  if (value === 'normal') return [];
  return [refuse(ID, `Parameter mode is ${value} at the source`, EXPECTED, 'Set it to normal')];
}

function compression(source: SideFacts, destination: SideFacts): Finding[] {
  if (source.capabilities.get('multifd') !== true) return [];
  const names = ['multifd-compression', 'multifd-channels'] as const;
  return names.flatMap((name) => {
    const [here, there] = [source.parameters[name], destination.parameters[name]];
    if (here === there) return [];
    return [
      refuse(ID, `${name} is ${here} at the source, ${there} at the destination`, EXPECTED, 'Set them alike'),
    ];
  });
}
