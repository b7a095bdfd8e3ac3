import { DowntimeRamp } from '../memory/index.ts';
import type { MigrateSetParametersArguments } from '../qmp/index.ts';
import type { Facts, SideFacts } from './facts.ts';
import type { MigrateOptions } from './options.ts';
import { DESTINATION_CAPABILITIES, SOURCE_CAPABILITIES } from './precheck/capabilities.ts';
import { isLive } from './precheck/guest.ts';
import { listeningUri } from './precheck/uri.ts';
import { atLeast } from './precheck/versions.ts';

const STALLED_DOWNTIME_MS = 900;
const QEMU_DOWNTIME_MS = 300;

type SettableCapability = (typeof SOURCE_CAPABILITIES)[number] | (typeof DESTINATION_CAPABILITIES)[number];

/** What will be done, decided before anything is touched. */
export interface Plan {
  /** Where the stream goes; undefined: a socket in a private folder, made when it is needed. */
  readonly uri: string | undefined;
  /** Whether the destination has to be told to listen. */
  readonly listen: boolean;
  /** Whether the destination can be kept from exiting when the guest does not fit. */
  readonly keepFailed: boolean;
  /** Whether the guest runs now and is to run there. */
  readonly live: boolean;
  /** The guest's state at the source before the move. */
  readonly state: string;
  readonly sourceCapabilities: readonly SettableCapability[];
  readonly destinationCapabilities: readonly SettableCapability[];
  readonly parameters: MigrateSetParametersArguments;
  /** What `parameters` were before. */
  readonly formerParameters: MigrateSetParametersArguments;
  /** Pause to which the limit grows while passes do not help. */
  readonly downtimeMs: number;
  /** Pause to which it is raised at last, when pre-copy has stalled. */
  readonly maxDowntimeMs: number;
  readonly timeoutS: number | undefined;
  /** Sockets of Ferry's back ends on either side. */
  readonly sourceBackEnds: readonly string[];
  readonly destinationBackEnds: readonly string[];
  /** Back ends of both sides with the digests of the migration parameters by which the move was found to be possible. */
  readonly checked: readonly CheckedBackEnd[];
}

/** A back end whose migration parameters have been looked at. */
export interface CheckedBackEnd {
  readonly socketPath: string;
  readonly digest: string;
}

/** The plan for what the checks have found. */
export function makePlan(facts: Facts, options: MigrateOptions): Plan {
  const { source, destination } = facts;
  const listening = listeningUri(destination.migration['socket-address'] ?? []);
  const current = source.parameters['downtime-limit'] ?? QEMU_DOWNTIME_MS;
  const parameters: MigrateSetParametersArguments = {};
  const formerParameters: MigrateSetParametersArguments = {};
  const downtimeMs = options.downtimeMs ?? current;
  parameters['downtime-limit'] = new DowntimeRamp(downtimeMs).currentMs;
  if (options.bandwidth !== undefined) parameters['max-bandwidth'] = options.bandwidth;
  formerParameters['downtime-limit'] = current;
  const bandwidth = source.parameters['max-bandwidth'];
  if (bandwidth !== undefined && options.bandwidth !== undefined)
    formerParameters['max-bandwidth'] = bandwidth;
  return {
    uri: options.uri ?? listening,
    listen: listening === undefined,
    keepFailed: atLeast(destination, 9, 1),
    live: isLive(source),
    state: source.status.status,
    sourceCapabilities: unset(source, SOURCE_CAPABILITIES),
    destinationCapabilities: unset(destination, DESTINATION_CAPABILITIES),
    parameters,
    formerParameters,
    downtimeMs,
    maxDowntimeMs: options.downtimeMs ?? Math.max(STALLED_DOWNTIME_MS, current),
    timeoutS: options.timeoutS,
    sourceBackEnds: source.backEnds.map(({ socketPath }) => socketPath),
    destinationBackEnds: destination.backEnds.map(({ socketPath }) => socketPath),
    checked: [...source.backEnds, ...destination.backEnds].flatMap(({ socketPath, parameters: own }) =>
      own === undefined ? [] : [{ socketPath, digest: own.digest }],
    ),
  };
}

function unset<C extends string>({ capabilities }: SideFacts, wanted: readonly C[]): C[] {
  return wanted.filter((name) => capabilities.get(name) !== true);
}

/** The plan in words, one step a line. */
export function describePlan(plan: Plan): string[] {
  const settings = Object.entries(plan.parameters).map(([name, value]) => `${name}=${String(value)}`);
  const limit = plan.timeoutS === undefined ? '' : `, for ${plan.timeoutS} s at most`;
  return [
    'Destination: make sure that it does not start the guest by itself (stop)',
    `Destination: switch on ${plan.destinationCapabilities.join(', ') || 'nothing, all is set'}`,
    `Source: switch on ${plan.sourceCapabilities.join(', ') || 'nothing, all is set'}`,
    `Source: set ${settings.join(', ') || 'no parameter'}`,
    `Destination: ${plan.listen ? 'listen' : 'listens already'} at ${plan.uri ?? 'a unix socket in a private folder'}`,
    `Source: copy memory while the guest runs${limit}`,
    `Source: stop the guest when the rest fits into a pause as short as it gets (up to ${plan.downtimeMs} ms, ${plan.maxDowntimeMs} ms when it stalls), send the devices`,
    plan.live
      ? 'Destination: start the guest once the source says that all has arrived (cont)'
      : `Destination: leave the guest ${plan.state}, as it is now`,
    'Source: left stopped in postmigrate, for you to quit',
  ];
}
