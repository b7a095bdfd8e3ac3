import { CompatError, check, parseInfo, readList } from '../../compat/index.ts';
import { controlPath } from '../../control/index.ts';
import type { BackEnd, Facts } from '../facts.ts';
import { type Finding, ok, refuse, warn } from './finding.ts';

const ID = 'parameters';
const EXPECTED = 'devices that can take the place of the source’s, by their migration parameters';

/** The parameter by which the saved state says which others were in effect: whoever does not know it cannot load that. */
const STATE_FORMAT = 'state-format';

/** Whether each Ferry back end of the destination takes the migration parameters of its counterpart at the source. */
export function checkParameters({ source, destination }: Facts): Finding[] {
  const there = new Map(destination.backEnds.map((backEnd) => [backEnd.chardev, backEnd]));
  const pairs = source.backEnds.flatMap((here) => {
    const counterpart = there.get(here.chardev);
    return counterpart === undefined ? [] : [[here, counterpart] as const];
  });
  const findings = pairs.flatMap(([here, counterpart]) => compare(here, counterpart));
  if (findings.length > 0) return findings;
  const names = pairs.flatMap(([{ chardev, parameters }]) => (parameters === undefined ? [] : [chardev]));
  return [ok(ID, names.length === 0 ? 'None to compare' : `${names.join(', ')}: they fit`, EXPECTED)];
}

function compare(here: BackEnd, there: BackEnd): Finding[] {
  const { chardev, parameters } = here;
  // What an older back end saves is loaded by every later one
  if (parameters === undefined) return [];
  try {
    const list = readList(parameters.list);
    if (there.parameters === undefined) return list.parameters.has(STATE_FORMAT) ? [tooNew(here, there)] : [];
    const source = parseInfo(parameters.info, here.socketPath).models.get(list.model);
    const info = parseInfo(there.parameters.info, there.socketPath);
    const { answer, reasons, wayOut } = check(list, info, { source });
    if (answer === 'yes') return [];
    const found = `${chardev}: ${reasons.map(({ message }) => message).join('; ')}`;
    return [answer === 'no' ? refuse(ID, found, EXPECTED, remedyFor(here, there, wayOut)) : unproven(found)];
  } catch (error) {
    if (!(error instanceof CompatError)) throw error;
    return [unproven(`${chardev}: ${error.message}`)];
  }
}

/** It would only be found out when the device is loaded, after the copy. */
function tooNew(here: BackEnd, there: BackEnd): Finding {
  const found = `${here.chardev} saves its state in a format that ${there.status.program} ${there.status.version} does not know`;
  return refuse(ID, found, EXPECTED, setLive(here, [{ parameter: STATE_FORMAT, value: '1' }]));
}

function remedyFor(here: BackEnd, { socketPath }: BackEnd, wayOut: readonly Setting[] | undefined): string {
  if (wayOut !== undefined && wayOut.length > 0) return setLive(here, wayOut);
  return `Start the back end at ${socketPath} with the parameters of ${here.socketPath}: 'ferry compat argv' tells them`;
}

interface Setting {
  readonly parameter: string;
  readonly value: string;
}

function setLive({ socketPath }: BackEnd, settings: readonly Setting[]): string {
  const text = settings.map(({ parameter, value }) => `${parameter}=${value}`).join(' ');
  return `Set ${text} at the source, while it runs: ferry compat set --control ${controlPath(socketPath)} ${text}`;
}

function unproven(found: string): Finding {
  return warn(
    ID,
    found,
    EXPECTED,
    'The devices say when they are loaded; the guest goes on at the source if they refuse',
  );
}
