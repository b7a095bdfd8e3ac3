/**
 * A machine that was sent into a folder, as a stock peer sends it, without credits: device state lies anywhere among RAM and
 * barriers, in any order, and the devices that load it are slow, stuck or die. Whatever the schedule, it ends in time, as it
 * should.
 */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { receiveMachine, sendMachine, type TransferEvent } from '../../../src/engine/transfer/index.ts';
import { type FolderPacket, readChannels, writeChannels } from '../../support/engine/folder-packets.ts';
import type { Temper } from '../../support/engine/tempered-lane.ts';
import { Crew, TemperedMachine } from '../../support/engine/tempered-machine.ts';
import { assertSameMemory, QUICK, temporaryFolder } from '../../support/engine/transfer-rig.ts';
import { Chance } from '../../unit/engine/slots-random.ts';
import { attempt, seeds } from './schedules.ts';

const MIB = 1024 * 1024;
/** No schedule may take longer, in milliseconds: what hangs is a failure then. */
const DEADLINE = Number(process.env.FERRY_SCHEDULE_DEADLINE ?? 120_000);
/** Nothing happens for so long before a device counts as stuck. */
const STUCK = 2_000;

const PLACES = [
  'anywhere',
  'before the first barrier',
  'before the last barrier',
  'behind the last barrier',
] as const;
const ORDERS = ['in order', 'in the worst order', 'in any order'] as const;
const FAULTS = ['nothing', 'nothing', 'stuck', 'dies'] as const;

/** What was sent, once for many schedules. */
interface Recording {
  readonly folder: string;
  readonly totals: readonly number[];
  readonly source: TemperedMachine;
  readonly packets: readonly (readonly FolderPacket[])[];
}

interface Schedule {
  readonly recording: Recording;
  readonly place: (typeof PLACES)[number];
  readonly order: (typeof ORDERS)[number];
  /** The only channel that carries device state; else all do. */
  readonly channel: number | undefined;
  readonly fault: (typeof FAULTS)[number];
  /** The device that it happens to. */
  readonly victim: number;
  readonly tempers: readonly Temper[];
  readonly slots: number;
  readonly chance: Chance;
}

const folder = temporaryFolder();
process.env.NODE_COMPILE_CACHE = join(folder.path, 'compiled');

after(() => folder[Symbol.dispose]());

async function record(totals: readonly number[], channels: number, crew: Crew): Promise<Recording> {
  const path = join(folder.path, `recording-${channels}`);
  const source = new TemperedMachine({
    crew,
    totals,
    tempers: [],
    // Several passes, each with a barrier behind it
    guest: (machine, pass) => {
      for (let page = 0; page < 1200 >> pass; page++) machine.write(0, page, `pass ${pass}`);
    },
  });
  source.machine.fill();
  const { outcome, why } = await sendMachine(source.asSource(), {
    to: `file:${path}`,
    channels,
    downtimeMs: 1,
    timings: QUICK,
  });
  assert.deepEqual([outcome, why], ['completed', undefined]);
  const packets = readChannels(path);
  const states = packets.flat().filter(({ kind }) => kind === 'device');
  assert.equal(
    states.length,
    totals.reduce((sum, total) => sum + total),
  );
  return { folder: path, totals, source, packets };
}

function draw(seed: number, recordings: readonly Recording[]): Schedule {
  const chance = new Chance(seed);
  const recording = chance.pick(recordings);
  const { totals, packets } = recording;
  const fault = chance.pick(FAULTS);
  const victim = chance.below(totals.length);
  const tempers = totals.map((total, device): Temper => {
    const slowMs = chance.below(3) === 0 ? chance.below(30) : 0;
    const at = chance.below(total);
    if (device !== victim || fault === 'nothing') return { slowMs };
    return fault === 'stuck' ? { slowMs, stuckAt: at } : { slowMs, diesAt: at };
  });
  return {
    recording,
    place: chance.pick(PLACES),
    order: chance.pick(ORDERS),
    channel: chance.below(3) === 0 ? chance.below(packets.length) : undefined,
    fault,
    victim,
    tempers,
    slots: 2 * totals.length + chance.below(4),
    chance,
  };
}

/** The recording's channels with device state where the schedule wants it. */
function rearrange({ recording, place, order, channel, chance }: Schedule): FolderPacket[][] {
  const { packets } = recording;
  const states = packets.flat().filter(({ kind }) => kind === 'device');
  chance.shuffle(states);
  if (order !== 'in any order') states.sort((a, b) => a.index! - b.index!);
  if (order === 'in the worst order') states.reverse();
  return packets.map((all, id) => {
    const rest = all.filter(({ kind }) => kind !== 'device');
    const mine = states.filter((_, i) => (channel ?? i % packets.length) === id);
    const places = mine.map(() => placeIn(rest, place, chance));
    if (place === 'anywhere') places.sort((a, b) => a - b);
    return rest
      .flatMap((packet, at) => [...mine.filter((_, i) => places[i] === at), packet])
      .concat(mine.filter((_, i) => places[i] === rest.length));
  });
}

/** Before which of `rest` a packet comes. */
function placeIn(rest: readonly FolderPacket[], place: Schedule['place'], chance: Chance): number {
  const barriers = rest.flatMap(({ kind }, at) => (kind === 'barrier' ? [at] : []));
  switch (place) {
    case 'anywhere':
      return chance.below(rest.length + 1);
    case 'before the first barrier':
      return barriers[0]!;
    case 'before the last barrier':
      return barriers.at(-1)!;
    case 'behind the last barrier':
      return rest.length;
  }
}

async function receive(schedule: Schedule, seed: number, crew: Crew): Promise<void> {
  const { recording, tempers, slots, fault, victim } = schedule;
  const { totals, source } = recording;
  const from = join(folder.path, `schedule-${seed}`);
  writeChannels(recording.folder, from, rearrange(schedule));
  const spill = join(folder.path, 'spill');
  mkdirSync(spill, { recursive: true });
  using destination = new TemperedMachine({ crew, totals, tempers });
  const loaded: string[] = [];
  const onEvent = (event: TransferEvent) => {
    if (event.type === 'device' && event.did === 'loaded') loaded.push(event.idstr);
    if (event.type === 'phase' && event.phase === 'discard') destination.letGo();
  };
  const { outcome, why, quarantined } = await receiveMachine(destination.asDestination(), {
    at: `file:${from}`,
    slots,
    spill: { folder: spill, limit: 64 * MIB },
    timings: { ...QUICK, ...(fault === 'stuck' && { loadMs: STUCK }) },
    signal: AbortSignal.timeout(DEADLINE),
    onEvent,
  });
  rmSync(from, { recursive: true });
  assert.deepEqual(quarantined, []);
  const title = TemperedMachine.title(victim);
  if (fault === 'nothing') {
    assert.deepEqual([outcome, why], ['completed', undefined]);
    assertSameMemory(source.machine, destination.machine);
  } else {
    assert.equal(outcome, 'failed', `${why}`);
    const expected =
      fault === 'stuck'
        ? `${title} could not be loaded within ${STUCK} ms`
        : `${title} could not be loaded: The device has died at buffer ${tempers[victim]!.diesAt}`;
    assert.equal(why, expected);
  }
  const others = totals.map((_, device) => TemperedMachine.title(device)).filter((name) => name !== title);
  if (fault !== 'dies') assert.deepEqual(loaded.filter((name) => name !== title).sort(), others);
}

test('whatever comes of device state among barriers, it ends in time', async (t) => {
  await using stack = new AsyncDisposableStack();
  const crews = [stack.use(await Crew.start(5)), stack.use(await Crew.start(5))];
  const recordings = [
    await record([4], 1, crews[0]!),
    await record([5, 1, 3], 3, crews[0]!),
    await record([2, 6, 1, 3, 2], 4, crews[0]!),
  ];
  for (const { source } of recordings) stack.use(source);
  const left = seeds(16, 4);
  const run = async (crew: Crew) => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
      const schedule = draw(seed, recordings);
      const { recording, chance: _chance, ...rest } = schedule;
      const described = { totals: recording.totals, ...rest };
      await attempt(seed, described, () => receive(schedule, seed!, crew));
      t.diagnostic(`${seed}: ${JSON.stringify(described)}`);
    }
  };
  await Promise.all(crews.map(run));
});
