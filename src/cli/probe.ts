/** `ferry probe`: what a vhost-user back end offers, what it would do in a migration, and what is wrong with it. */
import type { Command } from 'commander';
import { asError, FerryError } from '../errors.ts';
import { BLK_CONFIG_LENGTH, NET_CONFIG_LENGTH } from '../machine/index.ts';
import {
  DEVICE_TYPES,
  type DeviceType,
  judgeBackEnd,
  type ProbeFacts,
  probeBackEnd,
} from '../vhost-user/index.ts';
import { ExitCode } from './exit-codes.ts';
import { FS_CONFIG_LENGTH, probeDocument, probeReport } from './probe-report.ts';
import { parseMilliseconds } from './quantities.ts';

export interface ProbeFlags {
  readonly json?: boolean;
  readonly type?: DeviceType;
  readonly deep?: boolean;
  readonly deadline?: number;
}

const PROBE_EXIT = { fine: ExitCode.ok, problems: ExitCode.failed, notAsked: ExitCode.refused } as const;

const HELP = `
Without --deep nothing is sent that takes the device from a guest that uses it: no SET_OWNER, no reset, no memory,
no rings. Two things cannot be helped: a back end that serves one front end and then ends, as virtiofsd and passt
do, is spent by being asked; and one that is busy with its only front end does not answer.

--deep TAKES THE DEVICE OVER: it owns it, shares memory, begins and ends a dirty log, saves the device's state and
loads it back. Never use it on a back end that a guest uses.

Exit codes: 0 nothing stands in the way of a migration, 1 problems were found, 2 usage, 3 the back end could not be
asked.`;

/** Adds the command to `program`. */
export function addProbeCommand(program: Command): void {
  const command = program
    .command('probe')
    .summary('ask a vhost-user back end what it offers')
    .description(
      'Ask the vhost-user back end that listens at a socket what it offers, what it would do in a migration, and what is wrong with it.',
    )
    .argument('<socket>', "the back end's unix socket")
    .option(
      '--type <type>',
      `what kind of device it is, where its features do not tell: ${DEVICE_TYPES.join(', ')}`,
    )
    .option('--deadline <time>', 'longest wait for one answer', parseMilliseconds, 2_000)
    .option('--deep', 'take the device over and try a migration with it: not while a guest uses it')
    .option(
      '--json',
      'one JSON object instead of the report: {"socket", "asked", "type", "features", "protocolFeatures", "queues", "memorySlots", "config", "migration", "trial", "findings", "requests"}',
    )
    .addHelpText('after', HELP);
  command.action((socket: string, flags: ProbeFlags) => {
    const { type } = flags;
    if (type !== undefined && !DEVICE_TYPES.includes(type))
      command.error(`error: option '--type' is one of ${DEVICE_TYPES.join(', ')}; found '${String(type)}'`);
    process.exitCode = runProbe(socket, flags);
  });
}

/** Probe the back end at `path` and report on stdout. Returns the exit code. */
export function runProbe(
  path: string,
  { json = false, ...flags }: ProbeFlags,
  write: (text: string) => void = (text) => void process.stdout.write(text),
): number {
  let facts: ProbeFacts;
  try {
    facts = probeBackEnd(path, {
      deadline: flags.deadline ?? 2_000,
      configLengths: { blk: BLK_CONFIG_LENGTH, net: NET_CONFIG_LENGTH, fs: FS_CONFIG_LENGTH },
      ...(flags.type !== undefined && { type: flags.type }),
      ...(flags.deep !== undefined && { deep: flags.deep }),
    });
  } catch (thrown) {
    const error = asError(thrown);
    const code = error instanceof FerryError ? error.code : 'ERR_UNKNOWN';
    const busy = code === 'ERR_DEADLINE' ? BUSY : '';
    write(
      json
        ? `${JSON.stringify({ socket: path, asked: false, error: { code, message: error.message } })}\n`
        : `${path} could not be asked: ${error.message} (${code})\n${busy}`,
    );
    return PROBE_EXIT.notAsked;
  }
  const verdict = judgeBackEnd(facts);
  write(
    json ? `${JSON.stringify(probeDocument(path, facts, verdict))}\n` : probeReport(path, facts, verdict),
  );
  return verdict.findings.some(({ severity }) => severity === 'problem')
    ? PROBE_EXIT.problems
    : PROBE_EXIT.fine;
}

const BUSY = 'It may be busy with another front end: many back ends serve one at a time.\n';
