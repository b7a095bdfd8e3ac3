/** States of devices through real lanes, slots and channels, all in this process. */
import { Bell, Channels, type KindStart, socketConnection } from '../../../src/engine/channels/index.ts';
import { deviceStateKind, noneKind } from '../../../src/engine/payloads/index.ts';
import {
  CpuPool,
  type DeviceName,
  Lane,
  ReceiveSlots,
  type ReceiveSlotsOptions,
  SendSlots,
} from '../../../src/engine/slots/index.ts';
import { createSocketPair } from '../../../src/sys/index.ts';
import type { DeviceTask } from './device-lane.ts';

export interface Transfer {
  readonly channels: number;
  /** Bytes of each device's state. */
  readonly bytes: readonly number[];
  readonly extended: boolean;
  readonly slots: number;
  /** Whether buffers are compressed by pools of two threads. */
  readonly compressed?: boolean;
  readonly spill?: ReceiveSlotsOptions['spill'];
  readonly slowMs?: number;
  readonly seed?: number;
}

/** What was seen at the receiver. */
export interface Outcome {
  readonly mostHeld: number;
  /** Milliseconds from the first task to the last answer. */
  readonly elapsed: number;
  /** Bytes on the wire. */
  readonly sent: number;
}

const WITHIN = { deadline: 60_000 };

/** Run it to its end, on `crews`: every byte has been compared then. */
export async function transfer(crews: Crews, options: Transfer): Promise<Outcome> {
  const { channels, bytes, extended, slots, spill, compressed = false } = options;
  const devices: DeviceName[] = bytes.map((_, i) => ({ idstr: `device-${i}`, instance: 0 }));
  const bell = new Bell();
  using from = new SendSlots({ devices, slots, bell: bell.shared, credits: extended, compressed });
  using to = new ReceiveSlots({ devices, slots, credits: extended, compressed, ...(spill && { spill }) });
  const pairs = Array.from({ length: channels }, (_, i) => createSocketPair(`channel ${i}`));
  const start = (side: 0 | 1, kinds: readonly KindStart[]) =>
    Channels.start({
      direction: side === 0 ? 'send' : 'receive',
      connections: pairs.map((pair) => socketConnection(pair[side], 'test')),
      kinds,
      extended,
      checksum: false,
      bell,
    });
  await using sending = await start(0, [deviceStateKind(from), noneKind(4096)]);
  await using receiving = await start(1, [deviceStateKind(to), noneKind(4096)]);
  const failed = Promise.withResolvers<never>();
  const pool = { threads: compressed ? 2 : 0, onFailure: failed.reject };
  await using _packing = await CpuPool.start(from, pool);
  await using _unpacking = await CpuPool.start(to, pool);
  const stop = new AbortController();
  const talked = talk(from, to, stop.signal);
  const begin = performance.now();
  try {
    const moved = Promise.all([
      crews.savers.run(bytes, options, (d) => ({ sinks: d.map((device) => from.sink(device)) })),
      crews.loaders.run(bytes, options, (d) => ({ sources: d.map((device) => to.source(device)) })),
    ]);
    await Promise.race([moved, failed.promise]);
  } catch (error) {
    from.cancel();
    to.cancel();
    throw error;
  }
  const elapsed = performance.now() - begin;
  await Promise.all([sending.finish(WITHIN), receiving.finish(WITHIN)]);
  stop.abort();
  to.cancel();
  const sent = Array.from({ length: channels }, (_, id) => sending.counters(id).bytes);
  return { mostHeld: await talked, elapsed, sent: sent.reduce((sum, one) => sum + one, 0) };
}

/** What the main connection does: credits, and what has come. Returns how many slots were in use at most. */
async function talk(from: SendSlots, to: ReceiveSlots, signal: AbortSignal): Promise<number> {
  let most = 0;
  for (;;) {
    const { seen } = to;
    let held = 0;
    for (const device of to.start.devices.keys()) {
      const facts = to.device(device);
      held += facts.held;
      from.setCredit(device, facts.credit - 1);
      from.received(device, facts.received - 1);
    }
    most = Math.max(most, held);
    if (signal.aborted) return most;
    await to.changed(seen);
  }
}

/** Lanes of both sides, for one transfer after the other: a thread takes longer to start than a state to move. */
export class Crews implements AsyncDisposable {
  readonly savers: Crew;
  readonly loaders: Crew;

  static async start(lanes: number): Promise<Crews> {
    return new Crews(await Crew.start('saver', lanes), await Crew.start('loader', lanes));
  }

  private constructor(savers: Crew, loaders: Crew) {
    this.savers = savers;
    this.loaders = loaders;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.savers[Symbol.asyncDispose]();
    await this.loaders[Symbol.asyncDispose]();
  }
}

/** Lanes of one side, which the devices are spread over. */
class Crew implements AsyncDisposable {
  readonly #lanes: readonly Lane[];

  static async start(name: string, count: number): Promise<Crew> {
    const module = new URL('./device-lane.ts', import.meta.url);
    const options = Array.from({ length: count }, (_, i) => ({
      name: `${name} ${i}`,
      module,
      start: undefined,
    }));
    return new Crew(await Promise.all(options.map((one) => Lane.start(one))));
  }

  private constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
  }

  async run(
    bytes: readonly number[],
    { slowMs = 0, seed = 1 }: Transfer,
    places: (devices: readonly number[]) => Pick<DeviceTask, 'sinks' | 'sources'>,
  ): Promise<void> {
    const count = this.#lanes.length;
    const all = this.#lanes.map((lane, i) => {
      const mine = [...bytes.keys()].filter((device) => device % count === i);
      const task: DeviceTask = { ...places(mine), bytes: mine.map((d) => bytes[d]!), slowMs, seed: seed + i };
      return lane.run(task);
    });
    await Promise.all(all);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.end()));
  }
}
