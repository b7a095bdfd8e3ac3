/**
 * One end of a transfer, as a process: `end.ts PLAN`, a line of JSON on stdout for the place to connect to and one for how it
 * ended. What is moved lies in memory before anything is measured.
 */
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Lane } from '../../src/engine/slots/index.ts';
import {
  type DestinationMachine,
  ExplicitMarks,
  receiveMachine,
  type SourceMachine,
  sendMachine,
  type TransferEvent,
} from '../../src/engine/transfer/index.ts';
import { BlockMemory, QemuReceiver } from '../../src/machine/index.ts';
import { PageBitmap } from '../../src/memory/index.ts';
import { Fd, type Mapping, mapShared } from '../../src/sys/index.ts';

/** What a process is to do. */
export type Plan = {
  readonly channels: number;
  readonly method: 'none' | 'zstd';
  /** Bytes of RAM, which lie in `file`. */
  readonly ram: number;
  readonly file: string;
  /** Bytes of state of each device. */
  readonly devices: readonly number[];
} & (
  | { readonly role: 'send'; readonly to: string; readonly checksum: boolean }
  | { readonly role: 'receive'; readonly at: string }
  | { readonly role: 'receive-from-qemu'; readonly at: string }
);

/** What a process says at its end. */
export interface Report {
  readonly outcome: string;
  readonly why?: string;
  /** Bytes of RAM per second in the first pass. */
  readonly rate?: number;
  readonly totalMs: number;
  readonly downtimeMs?: number;
  readonly budgetBytes: number;
  /** The most memory of its own that it had, above what it had with all threads ready and nothing moved, in bytes. */
  readonly peakBytes: number;
}

const UUID = new Uint8Array(16).fill(7);
const plan = JSON.parse(process.argv[2]!) as Plan;
const say = (line: unknown) => void process.stdout.write(`${JSON.stringify(line)}\n`);

await using owned = new AsyncDisposableStack();
const lanes: Lane[] = [];
for (const [i, length] of plan.devices.entries())
  lanes.push(
    owned.use(
      await Lane.start({
        name: `lane of device ${i}`,
        module: new URL('device.ts', import.meta.url),
        start: length,
      }),
    ),
  );
if (plan.role === 'receive-from-qemu') await receiveFromQemu(plan.at);
else await transfer();

async function transfer(): Promise<void> {
  const memory = await mapFile();
  const blocks = plan.ram === 0 ? [] : [{ name: 'ram', address: memory!.address, length: plan.ram }];
  let rate: number | undefined;
  let before = 0;
  const onEvent = (event: TransferEvent) => {
    if (event.type === 'pass' && event.pass === 1) rate = event.rate;
    if (event.type === 'opened') before = resident('VmRSS');
    if (event.type === 'listening') say({ listening: event.uri });
  };
  const { channels, method } = plan;
  const outcome =
    plan.role === 'send'
      ? await sendMachine(source(blocks), {
          to: plan.to,
          channels,
          method,
          checksum: plan.checksum,
          onEvent,
        })
      : await receiveMachine(destination(blocks), { at: (plan as { at: string }).at, onEvent });
  const { totalMs, downtimeMs, budgetBytes, why } = outcome;
  const peakBytes = resident('VmHWM') - before;
  say({
    outcome: outcome.outcome,
    phases: outcome.phases,
    why,
    rate,
    totalMs,
    downtimeMs,
    budgetBytes,
    peakBytes,
  });
}

function source(blocks: SourceMachine['blocks']): SourceMachine {
  return {
    uuid: UUID,
    blocks,
    dirty: new ExplicitMarks(new PageBitmap(plan.ram / 4096)),
    devices: lanes.map((lane, instance) => ({
      idstr: 'bench',
      instance,
      save: async (save) => void (await lane.run({ save })),
    })),
    stop: async () => undefined,
    resume: async () => undefined,
    release: async () => undefined,
  };
}

function destination(blocks: SourceMachine['blocks']): DestinationMachine {
  return {
    uuid: UUID,
    blocks,
    fresh: false,
    devices: lanes.map((lane, instance) => ({
      idstr: 'bench',
      instance,
      load: async (load) => void (await lane.run({ load })),
    })),
    start: async () => undefined,
    discard: async () => undefined,
  };
}

/** RAM, every page of it there. */
async function mapFile(): Promise<Mapping | undefined> {
  if (plan.ram === 0) return undefined;
  await using file = await open(plan.file, 'r+');
  using fd = new Fd(file.fd, plan.file).duplicate();
  const mapping = owned.use(mapShared(fd, 0, plan.ram));
  let sum = 0;
  for (let at = 0; at < plan.ram; at += 4096) sum += mapping.bytes[at]!;
  if (!(sum >= 0)) throw new Error('No memory');
  return mapping;
}

async function receiveFromQemu(at: string): Promise<void> {
  using memory = new BlockMemory();
  memory.add('ram', plan.ram);
  memory.touch();
  const { channels, method } = plan;
  await using receiver = await QemuReceiver.listen({ endpoint: at, channels, method, memory });
  say({ listening: receiver.uri });
  using machine = await receiver.receive();
  say({ outcome: 'completed', totalMs: machine.milliseconds, budgetBytes: 0, peakBytes: 0 });
}

/** A figure of this process from /proc, in bytes. */
function resident(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)![1]) * 1024;
}
