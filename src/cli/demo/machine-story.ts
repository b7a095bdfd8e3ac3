import { randomBytes } from 'node:crypto';
import { availableMemory } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { type Outcome, type SendOptions, sendMachine } from '../../engine/transfer/index.ts';
import { machineBytes, SyntheticMachine, sourceOf } from '../../machine/index.ts';
import { formatSize } from '../quantities.ts';
import { type MachineOptions, machinePlan, machineWords, tlsFiles } from './machine-options.ts';
import { DestinationProcess } from './machine-process.ts';
import { compareDigests, showFindings } from './machine-proof.ts';
import { describeOutcome, tellEvent, tellFigures } from './machine-telling.ts';
import { TransferWatch } from './machine-watch.ts';
import { peakResident } from './resident.ts';
import type { Timeline } from './timeline.ts';

const PAGE = 4096;

/** How long the guest works before the move, and after it, in milliseconds. */
const BEFORE_MS = 1_000;
const AFTER_MS = 500;

/** How long the destination may take to listen, and to look at all that came, in milliseconds. */
const LISTEN_WITHIN = 30_000;
const LOOK_WITHIN = 300_000;

/** What each process needs beside its machine: the program, its threads, and what the engine may use. */
const PROCESS_BYTES = 400 * 2 ** 20;

/** How the story ended: told to its end, or with a move that did not take place and is no fault, or that nobody knows of. */
export type MachineEnd = 'told' | 'cancelled' | 'unknown';

/** Words for what is missing to tell the story with this machine; undefined where there is enough memory. */
export function whatIsMissing(options: MachineOptions): string | undefined {
  const needed = 2 * (machineBytes(machinePlan(options, new Uint8Array(16))) + PROCESS_BYTES);
  const there = availableMemory();
  if (there >= needed) return undefined;
  return `two processes need ${formatSize(needed)} of memory with it, ${formatSize(there)} are available; smaller values of --ram, --state or --devices need less`;
}

/**
 * A machine with RAM in which a guest writes all the time, and with disks, moves to a second process over several channels;
 * everything that it has is compared with what it was.
 */
export async function tellMachineStory(
  timeline: Timeline,
  options: MachineOptions,
  signal: AbortSignal,
): Promise<MachineEnd> {
  const uuid = randomBytes(16);
  const plan = machinePlan(options, uuid);
  const { devices, state, ram, dirtyRate } = options;
  timeline.step(
    `A machine with ${formatSize(ram)} of RAM and ${devices} disks of ${formatSize(state)} in memory; ` +
      `its guest writes ${formatSize(dirtyRate)}/s`,
  );
  await using there = await DestinationProcess.start(
    [
      ...machineWords(options),
      ...['--uuid', uuid.toString('hex'), '--work', String(AFTER_MS)],
      ...['--listen', `ferry+${options.tls === undefined ? 'tcp' : 'tls'}:127.0.0.1:0`],
    ],
    (line) => timeline.step(`the destination says: ${line}`),
  );
  await using machine = await SyntheticMachine.create(plan);
  await machine.fill();
  await machine.wake();
  machine.work();
  const began = performance.now();
  timeline.step('The guest has written every page and every block once, and goes on');
  await delay(BEFORE_MS, undefined, { signal });
  const rate = (machine.pagesWritten * PAGE) / ((performance.now() - began) / 1000);
  timeline.figure('what the guest writes to RAM', Math.round(rate / 2 ** 20), 'MiB/s');
  const { uri } = await there.expect('listening', LISTEN_WITHIN);
  timeline.step(`Moving it to a second process over ${options.channels} channels`);
  const watch = new TransferWatch();
  const outcome = await sendMachine(sourceOf(machine), {
    to: uri,
    ...sendOptions(options),
    signal,
    onEvent: (event) => {
      watch.see(event);
      tellEvent(timeline, event);
    },
  });
  if (outcome.quarantined.length > 0) machine.ram.quarantine();
  timeline.check('the move', outcome.outcome === 'completed', describeOutcome(outcome));
  if (outcome.outcome === 'unknown') return 'unknown';
  if (outcome.outcome === 'completed') await proveThere(timeline, machine, there, outcome, watch);
  else if (outcome.machineAt === 'source') await proveHere(timeline, machine);
  return outcome.outcome === 'cancelled' ? 'cancelled' : 'told';
}

function sendOptions(options: MachineOptions): Partial<SendOptions> {
  const { channels, compress, compressState, checksum, downtime } = options;
  return {
    channels,
    method: compress,
    deviceMethod: compressState,
    checksum,
    ...tlsFiles(options, 'client'),
    ...(downtime !== undefined && { downtimeMs: downtime }),
  };
}

/** Compare everything at the destination with what stands here, and look at how the guest goes on there. */
async function proveThere(
  timeline: Timeline,
  machine: SyntheticMachine,
  there: DestinationProcess,
  outcome: Outcome,
  watch: TransferWatch,
): Promise<void> {
  timeline.step(
    'The guest runs in the second process; the first thing that it does there is look at all it has',
  );
  tellFigures(timeline, outcome);
  const [memory, disks] = [await machine.memoryDigests(), await machine.diskDigests()];
  const first = await there.expect('found', LOOK_WITHIN, ({ when }) => when === 'at-once');
  const received = await there.expect('received', 0);
  for (const { instance, bytes, ms } of outcome.devices) {
    const loaded = received.devices[instance];
    timeline.device({
      name: `disk ${instance}`,
      bytes,
      ...(ms !== undefined && { saveMs: ms }),
      ...(loaded?.ms !== undefined && { loadMs: Math.round(loaded.ms) }),
      queuedHere: watch.queued.get(instance) ?? 0,
      queuedThere: loaded?.queued ?? 0,
    });
  }
  const theirs = there.digests;
  for (const [name, digests] of memory)
    compareDigests(timeline, `RAM block ${name}`, digests, theirs.get(name));
  compareDigests(
    timeline,
    'the disks',
    Buffer.concat(disks),
    Buffer.concat(disks.map((_, i) => theirs.get(`disk ${i}`) ?? new Uint8Array(0))),
  );
  showFindings(timeline, 'in the second process', first.findings);
  const later = await there.expect('found', LOOK_WITHIN, ({ when }) => when === 'later');
  showFindings(
    timeline,
    `after ${later.pagesWritten.toLocaleString('en')} more pages were written there`,
    later.findings,
  );
  const { peakBytes } = await there.expect('end', LISTEN_WITHIN);
  await there.ended(LISTEN_WITHIN);
  const all = machineBytes(machine.plan);
  const { residentBytes } = watch;
  const { budgetBytes } = outcome;
  timeline.memory({
    end: 'source',
    peakBytes: peakResident(),
    machineBytes: all,
    residentBytes,
    budgetBytes,
  });
  timeline.memory({
    end: 'destination',
    peakBytes,
    machineBytes: all,
    residentBytes: received.residentBytes,
    budgetBytes: received.budgetBytes,
  });
}

/** The machine did not move: let its guest go on here for a moment, and look at everything. */
async function proveHere(timeline: Timeline, machine: SyntheticMachine): Promise<void> {
  timeline.step('The guest goes on where it was');
  const before = machine.pagesWritten;
  await delay(AFTER_MS);
  await machine.pause();
  const pages = (machine.pagesWritten - before).toLocaleString('en');
  showFindings(
    timeline,
    `in the first process, after ${pages} more were written there`,
    await machine.look(),
  );
}
