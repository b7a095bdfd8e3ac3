/**
 * A process that receives RAM and the state of many devices over channels, as its one argument says, composed from the
 * engine's parts. It says on its output what it does, a line of JSON each, and is told on its input when barriers are passed
 * and when the end has come.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  Channels,
  HEADER_ROOM,
  listen,
  parseEndpoint,
  STAGING_ROOM,
} from '../../../src/engine/channels/index.ts';
import { deviceStateKind, noneKind, RamReceiver, ramKind } from '../../../src/engine/payloads/index.ts';
import { Lane, ReceiveSlots } from '../../../src/engine/slots/index.ts';
import { asError, FerryError } from '../../../src/errors.ts';
import { createMemfd, mapShared } from '../../../src/sys/index.ts';
import { letGo, type Temper, type TemperedTask } from './tempered-lane.ts';

/** The program's argument, as JSON. */
export interface ReceiverPlan {
  /** Path of the socket to listen on. Connections are channels 0, 1, … as they come. */
  readonly path: string;
  readonly channels: number;
  /** Buffers of each device. */
  readonly totals: readonly number[];
  readonly tempers: Readonly<Record<number, Temper>>;
  /** Threads for devices that are not stuck. */
  readonly lanes: number;
  readonly slots: number;
  readonly perDevice: number;
  readonly credits: boolean;
  readonly spill?: { readonly folder: string; readonly limit: number };
  /** Bytes of the only RAM block, `ram`. */
  readonly ram: number;
}

/** A line of its output. */
export type ReceiverSays =
  | { readonly says: 'listening' }
  /** All threads are there, nothing was received. `worstCase`: bytes that all of it will take beside `ram` and what it has now. */
  | { readonly says: 'ready'; readonly worstCase: number }
  /** How many buffers of each device may be sent. */
  | { readonly says: 'credits'; readonly credits: readonly number[] }
  | { readonly says: 'passed'; readonly barrier: number }
  | { readonly says: 'failed'; readonly code: string; readonly message: string }
  | ReceiverReport;

export interface ReceiverReport {
  readonly says: 'done';
  /** Bytes that each device has loaded to its end; null for one that has not come to it. */
  readonly loaded: readonly (number | null)[];
  readonly ramPages: number;
  /** Most of the memory that was resident, of which files can be taken back. */
  readonly peak: string;
}

/** A line of its input. */
export type ReceiverHears =
  /** Wait for the barrier, then let channels go on. */
  | { readonly hears: 'barrier'; readonly barrier: number }
  /** Nothing more comes on any channel. */
  | { readonly hears: 'end' };

const plan = JSON.parse(process.argv[2] ?? '') as ReceiverPlan;

function say(line: ReceiverSays): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function receive(): Promise<ReceiverReport> {
  await using stack = new AsyncDisposableStack();
  const ram = stack.use(createMemfd('ram', plan.ram));
  const memory = stack.use(mapShared(ram, 0, plan.ram));
  const receiver = new RamReceiver([{ name: 'ram', address: memory.address, length: plan.ram }], {
    channels: plan.channels,
    fresh: true,
  });
  const devices = plan.totals.map((_, instance) => ({ idstr: 'device', instance }));
  const { slots: count, perDevice, credits, spill } = plan;
  const slots = stack.use(
    new ReceiveSlots({ devices, slots: count, perDevice, credits, ...(spill && { spill }) }),
  );
  const crews = shareOut();
  const lanes = await Promise.all(crews.map((_, i) => startLane(i)));
  for (const lane of lanes) stack.use(lane);
  const listener = stack.use(await listen(parseEndpoint(`unix:${plan.path}`)));
  say({ says: 'listening' });
  const connections = [];
  for (let id = 0; id < plan.channels; id++) connections.push(await listener.accept({ deadline: 20_000 }));
  const channels = stack.use(
    await Channels.start({
      direction: 'receive',
      connections,
      kinds: [ramKind(receiver), noneKind(4096), deviceStateKind(slots)],
      extended: credits,
      checksum: false,
    }),
  );
  const release = new SharedArrayBuffer(4);
  stack.defer(() => {
    slots.cancel();
    letGo(release);
  });
  const worstCase = slots.worstCaseBytes + plan.channels * (HEADER_ROOM + STAGING_ROOM);
  const loads = lanes.map(async (lane, i) => {
    const crew = crews[i]!.map((device) => ({
      source: slots.source(device),
      device,
      total: plan.totals[device]!,
      temper: plan.tempers[device] ?? {},
    }));
    return (await lane.run({ devices: crew, release } satisfies TemperedTask)) as number[];
  });
  const loaded: (number | null)[] = plan.totals.map(() => null);
  const failed = Promise.withResolvers<never>();
  const all = Promise.all(
    loads.map(async (load, i) => {
      // Nobody waits for a stuck one: it is given up at the end
      if (isStuck(crews[i]![0]!)) void load.catch(() => undefined);
      else for (const [at, bytes] of (await load).entries()) loaded[crews[i]![at]!] = bytes;
    }),
  );
  // Devices that die, and channels that fail, end all of it
  all.catch(failed.reject);
  channels.ended.catch(failed.reject);
  say({ says: 'ready', worstCase });
  const watching = new AbortController();
  stack.defer(() => watching.abort());
  if (credits) void watchCredits(slots, watching.signal).catch(failed.reject);
  await Promise.race([passBarriers(channels), failed.promise]);
  await Promise.race([channels.finish({ deadline: 20_000 }), failed.promise]);
  await Promise.race([all, failed.promise]);
  return { says: 'done', loaded, ramPages: receiver.counters().normal, peak: peak() };
}

function isStuck(device: number): boolean {
  return plan.tempers[device]?.stuckAt !== undefined;
}

/** Devices that share a lane: a stuck one has one of its own. */
function shareOut(): number[][] {
  const all = plan.totals.map((_, d) => d);
  const lively = all.filter((d) => !isStuck(d));
  const count = Math.min(plan.lanes, lively.length);
  const crews = Array.from({ length: count }, (_, i) => lively.filter((_, at) => at % count === i));
  return [...crews, ...all.filter(isStuck).map((d) => [d])];
}

function startLane(number: number): Promise<Lane> {
  const module = new URL('./tempered-lane.ts', import.meta.url);
  return Lane.start({ name: `lane ${number}`, module, start: undefined });
}

/** Say what may be sent, whenever it has become more. */
async function watchCredits(slots: ReceiveSlots, signal: AbortSignal): Promise<void> {
  let said = '';
  while (!signal.aborted) {
    const { seen } = slots;
    const credits = plan.totals.map((_, d) => slots.credit(d) + 1);
    if (credits.join() !== said) say({ says: 'credits', credits });
    said = credits.join();
    await slots.changed(seen);
  }
}

/** What is heard, up to the end. */
async function passBarriers(channels: Channels): Promise<void> {
  for await (const line of createInterface(process.stdin)) {
    const heard = JSON.parse(line) as ReceiverHears;
    if (heard.hears === 'end') return;
    await channels.barrierReached(heard.barrier, { deadline: 20_000 });
    channels.releaseBarrier(heard.barrier);
    say({ says: 'passed', barrier: heard.barrier });
  }
  throw new Error('The input has ended before the end was said');
}

function peak(): string {
  const status = readFileSync('/proc/self/status', 'utf8');
  return /VmHWM:\s+(.*)/.exec(status)?.[1] ?? 'unknown';
}

try {
  say(await receive());
} catch (error) {
  const { message } = asError(error);
  say({ says: 'failed', code: error instanceof FerryError ? error.code : 'none', message });
}
process.stdin.destroy();
