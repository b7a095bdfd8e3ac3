/**
 * Machines that move between two ends with credits, through a relay: devices that save and load are slow, stuck or die, a
 * channel is slow, breaks, or says nothing any more. Whatever the schedule, both ends come to the same end in time, and it is
 * the one that it should be.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  type Outcome,
  receiveMachine,
  sendMachine,
  type TransferEvent,
} from '../../../src/engine/transfer/index.ts';
import type { Temper } from '../../support/engine/tempered-lane.ts';
import { Crew, TemperedMachine } from '../../support/engine/tempered-machine.ts';
import { assertSameMemory, QUICK, temporaryFolder } from '../../support/engine/transfer-rig.ts';
import { Chance } from '../../unit/engine/slots-random.ts';
import type { Passage } from './fault/link.ts';
import { Relay } from './fault/relay.ts';
import { attempt, seeds } from './schedules.ts';

/** No schedule may take longer, in milliseconds. */
const DEADLINE = 120_000;
/** A channel that stalls is found before a device is blamed for what does not come. */
const TIMINGS = {
  ...QUICK,
  openMs: 30_000,
  acceptMs: 30_000,
  startMs: 15_000,
  packetMs: 800,
  barrierMs: 4_000,
  saveMs: 3_000,
  loadMs: 3_000,
  endMs: 2_000,
};

const FAULTS = [
  'nothing',
  'a loader is stuck',
  'a loader dies',
  'a saver is stuck',
  'a saver dies',
  'a channel is slow',
  'a channel breaks',
  'a channel breaks for good',
  'a channel falls silent',
  'a channel falls silent for good',
] as const;
/** Where in its stream something happens to a channel. */
const PARTS = ['ram-pages', 'sync-header', 'device-header', 'device-data'] as const;

interface Schedule {
  readonly totals: readonly number[];
  readonly channels: number;
  readonly fault: (typeof FAULTS)[number];
  /** The device or the channel that it happens to. */
  readonly victim: number;
  readonly savers: readonly Temper[];
  readonly loaders: readonly Temper[];
  /** Of a channel: the how manieth part of that name. */
  readonly part: (typeof PARTS)[number];
  readonly count: number;
  readonly slots: { readonly source: number; readonly destination: number };
  /** What the guest writes to in each pass, in pages. */
  readonly dirty: readonly number[];
}

function draw(seed: number): Schedule {
  const chance = new Chance(seed);
  const totals = Array.from({ length: 1 + chance.below(4) }, () => 1 + chance.below(5));
  const channels = 1 + chance.below(3);
  const fault = FAULTS[seed % FAULTS.length]!;
  const victim = chance.below(fault.startsWith('a channel') ? channels : totals.length);
  const tempersOf = (who: 'loader' | 'saver') =>
    totals.map((total, device): Temper => {
      const slowMs = chance.below(3) === 0 ? chance.below(20) : 0;
      const at = chance.below(total);
      if (device !== victim || !fault.startsWith(`a ${who}`)) return { slowMs };
      return fault.endsWith('stuck') ? { slowMs, stuckAt: at } : { slowMs, diesAt: at };
    });
  return {
    totals,
    channels,
    fault,
    victim,
    savers: tempersOf('saver'),
    loaders: tempersOf('loader'),
    part: chance.pick(PARTS),
    count: chance.below(3),
    slots: {
      source: 2 * totals.length + chance.below(4),
      destination: 2 * totals.length + chance.below(4),
    },
    dirty: Array.from({ length: chance.below(4) }, () => 1 + chance.below(1000)),
  };
}

/** What the relay does to the parts of channels, and whether it has happened. */
class Trouble {
  hasHappened = false;
  readonly #schedule: Schedule;
  readonly #silence = Promise.withResolvers<void>();
  #left: number;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.#left = schedule.count;
  }

  async meet({ link, name, direction }: Passage): Promise<void> {
    const { fault, victim, part } = this.#schedule;
    if (!fault.startsWith('a channel') || link.role !== 'channel' || direction === 'back') return;
    if (link.id !== victim) return;
    // The channel's own slowness, not something that is waited for
    if (fault.endsWith('slow')) return new Promise((resolve) => setTimeout(resolve, 2));
    if (link.attempt > 0 || name !== part || this.hasHappened || this.#left-- > 0) return;
    this.hasHappened = true;
    if (fault.includes('breaks')) link.cut();
    else await this.#silence.promise;
  }

  /** What was held back goes on. */
  end(): void {
    this.#silence.resolve();
  }
}

interface Seen {
  readonly sent: Outcome;
  readonly received: Outcome;
  readonly loaded: readonly string[];
  readonly happened: boolean;
}

async function move(
  { savers, loaders, ...schedule }: Schedule,
  [from, to]: readonly [Crew, Crew],
): Promise<Seen> {
  const { totals, channels, dirty, slots, fault } = schedule;
  const guest = (machine: TemperedMachine['machine'], pass: number) => {
    for (let page = 0; page < (dirty[pass - 1] ?? 0); page++) machine.write(0, page, `pass ${pass}`);
  };
  using source = new TemperedMachine({ crew: from, totals, tempers: savers, guest });
  using destination = new TemperedMachine({ crew: to, totals, tempers: loaders });
  source.machine.fill();
  const trouble = new Trouble({ ...schedule, savers, loaders });
  const listening = Promise.withResolvers<number>();
  const loaded: string[] = [];
  const signal = AbortSignal.timeout(DEADLINE);
  const receiving = receiveMachine(destination.asDestination(), {
    at: 'ferry+tcp:127.0.0.1:0',
    slots: slots.destination,
    timings: TIMINGS,
    signal,
    onEvent: (event: TransferEvent) => {
      if (event.type === 'listening') listening.resolve(Number(event.uri.split(':').at(-1)));
      if (event.type === 'device' && event.did === 'loaded') loaded.push(event.idstr);
      if (event.type === 'phase' && event.phase === 'discard') destination.letGo();
    },
  });
  await using relay = await Relay.start(await listening.promise, (passage) => trouble.meet(passage));
  const sent = await sendMachine(source.asSource(), {
    to: `ferry+tcp:127.0.0.1:${relay.port}`,
    channels,
    slots: slots.source,
    resumes: fault.endsWith('for good') ? 0 : 8,
    downtimeMs: 1,
    timings: TIMINGS,
    signal,
    onEvent: (event) => {
      if (event.type === 'phase' && event.phase === 'roll-back') source.letGo();
    },
  });
  const received = await receiving;
  trouble.end();
  if (sent.outcome === 'completed') assertSameMemory(source.machine, destination.machine);
  const isMoved = sent.outcome === 'completed';
  assert.equal(lastOf(destination), isMoved ? 'start' : 'discard', `${received.why}`);
  assert.ok((isMoved ? ['release'] : ['resume', undefined]).includes(lastOf(source)), `${sent.why}`);
  return { sent, received, loaded, happened: trouble.hasHappened };
}

/** What was asked of it last, if anything; once it is stopped, it has to be let run or go. */
function lastOf({ machine }: TemperedMachine): string | undefined {
  return machine.history.filter((did) => did !== 'unwatch').at(-1);
}

/** Whether both ends came to the end that this schedule should come to. */
function judge({ totals, fault, victim, savers, loaders }: Schedule, seen: Seen): void {
  const { sent, received, loaded, happened } = seen;
  const why = `${sent.why}; ${received.why}`;
  assert.deepEqual([sent.quarantined, received.quarantined], [[], []]);
  assert.equal(sent.outcome, received.outcome, why);
  const names = totals.map((_, device) => TemperedMachine.title(device));
  const others = names.filter((_, device) => device !== victim);
  switch (fault) {
    case 'nothing':
    case 'a channel is slow':
    case 'a channel breaks':
      assert.equal(sent.outcome, 'completed', why);
      assert.deepEqual(loaded.toSorted(), names);
      break;
    case 'a loader is stuck':
    case 'a saver is stuck':
      assert.equal(sent.outcome, 'failed', why);
      assert.match(why, new RegExp(`${names[victim]} could not be (saved|loaded) within 3000 ms`));
      // One that is let go may come to its end, too
      assert.deepEqual(loaded.filter((name) => name !== names[victim]).sort(), others);
      break;
    case 'a loader dies':
    case 'a saver dies': {
      const { diesAt } = (fault === 'a loader dies' ? loaders : savers)[victim]!;
      assert.equal(sent.outcome, 'failed', why);
      assert.match(
        why,
        new RegExp(`${names[victim]} could not be .*The device has died at buffer ${diesAt}`),
      );
      break;
    }
    case 'a channel breaks for good':
    case 'a channel falls silent for good':
      assert.equal(sent.outcome, happened ? 'failed' : 'completed', why);
      if (happened) assert.match(why, new RegExp(`[Cc]hannels? ${victim}\\b`));
      break;
    case 'a channel falls silent':
      // Where nothing more was to be sent on it, only the next barrier finds it, and that ends the transfer
      if (sent.outcome === 'failed') assert.match(why, new RegExp(`[Cc]hannels? ${victim}\\b`));
      else assert.equal(sent.outcome, 'completed', why);
  }
}

const folder = temporaryFolder();
process.env.NODE_COMPILE_CACHE = join(folder.path, 'compiled');
after(() => folder[Symbol.dispose]());

test('whatever becomes of devices and channels, both ends come to the same end in time', async (t) => {
  await using stack = new AsyncDisposableStack();
  const left = seeds(FAULTS.length, 2);
  const run = async (crews: readonly [Crew, Crew]) => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
      const schedule = draw(seed);
      const began = performance.now();
      await attempt(seed, schedule, async () => judge(schedule, await move(schedule, crews)));
      t.diagnostic(`${seed}: ${schedule.fault}: ${Math.round(performance.now() - began)} ms`);
    }
  };
  const pairs = [0, 1].map(
    async () => [stack.use(await Crew.start(4)), stack.use(await Crew.start(4))] as const,
  );
  await Promise.all((await Promise.all(pairs)).map(run));
});
