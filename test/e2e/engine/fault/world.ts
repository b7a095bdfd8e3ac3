/** Two processes between which a machine moves, with faults on the way, and what must be true afterwards whatever happened. */

import assert from 'node:assert/strict';
import { type SendOptions, TIMINGS, type TransferTimings } from '../../../../src/engine/transfer/index.ts';
import { asError } from '../../../../src/errors.ts';
import { EndProcess, type Stay } from './end-process.ts';
import { FAULTS, type FaultName, type Reach } from './faults.ts';
import type { Passage } from './link.ts';
import { PHASES, type PhaseName } from './phases.ts';
import { RAM } from './ram.ts';
import { Relay } from './relay.ts';
import type { OutcomeSaid } from './said.ts';

/** Longer than anything takes that happens at all, also on a busy machine. */
const PATIENT: TransferTimings = {
  ...TIMINGS,
  connectMs: 15_000,
  openMs: 20_000,
  acceptMs: 20_000,
  stallMs: 15_000,
  packetMs: 15_000,
  barrierMs: 15_000,
  saveMs: 15_000,
  loadMs: 15_000,
  startMs: 15_000,
  keepAliveMs: 250,
  silenceMs: 15_000,
  resumeMs: 10_000,
  resumePauseMs: 20,
};

/** What is waited for where only a deadline ends a transfer. */
const BRIEF: readonly [faults: RegExp, timings: Partial<TransferTimings>][] = [
  [/stands still|carries nothing/, { silenceMs: 3_000, endMs: 1_500 }],
  [/stops in a packet/, { packetMs: 1_000 }],
  [/stops between packets/, { barrierMs: 1_500 }],
];

function timingsFor(fault: FaultName): TransferTimings {
  return Object.assign({ ...PATIENT }, ...BRIEF.map(([faults, timings]) => faults.test(fault) && timings));
}

/** In milliseconds: every end has its outcome by then, whatever happened. More than all of the above one after the other. */
const DEADLINE = 60_000;

/** In milliseconds: threads are gone so long after an outcome. */
const ENDED_WITHIN = 5_000;

/** Several passes, then the switchover, however fast the machine writes; time for a second pass where that is what counts. */
function passesFor(phase: PhaseName): Pick<SendOptions, 'downtimeMs' | 'precopyMs' | 'onStall'> {
  return { downtimeMs: 0, precopyMs: phase === 'pass 2' ? 2_000 : 60, onStall: 'force' };
}

/** What happens in one transfer. Without a fault, nothing does. */
export interface Happening {
  readonly phase: PhaseName;
  readonly fault: FaultName;
  readonly send?: Partial<SendOptions>;
}

/** How a transfer ended: what each end said, undefined where it was killed. */
export interface Verdict {
  readonly source: OutcomeSaid | undefined;
  readonly destination: OutcomeSaid | undefined;
  /** Events of both ends, for people. */
  readonly course: string;
}

type Holdings = ReadonlyMap<EndProcess, Readonly<Record<string, number>>>;

export class FaultWorld implements AsyncDisposable {
  readonly #machine: { readonly ram: number; readonly dirtyRate: number };
  /** All processes that there were. */
  readonly #processes: EndProcess[] = [];
  #here: EndProcess | undefined;
  #there: EndProcess | undefined;

  /** The guest writes `dirtyRate` bytes of memory per second. */
  constructor({ dirtyRate = 48 << 20 } = {}) {
    this.#machine = { ram: RAM, dirtyRate };
  }

  /** The process where the machine is. */
  get here(): EndProcess {
    assert.ok(this.#here);
    return this.#here;
  }

  /** The other one. */
  get there(): EndProcess {
    assert.ok(this.#there);
    return this.#there;
  }

  /** Send the machine from where it is, with a fault on the way. Resolves when both ends have said how it ended for them. */
  async transfer({ phase, fault, send }: Happening): Promise<Verdict> {
    await this.#prepare();
    const timings = timingsFor(fault);
    const { here, there } = this;
    const before = await this.#holdings();
    await using after = new AsyncDisposableStack();
    const received = outcomeOf(there, there.tell('receive', { at: 'ferry+tcp:127.0.0.1:0', timings }));
    const port = Number((await there.listening).replace(/.*:/, ''));
    const comes = PHASES[phase]();
    let isThere = false;
    let isDone = false;
    /** Why the fault could not be brought about. */
    let impossible: Error | undefined;
    const relay: Relay = after.use(
      await Relay.start(port, async (passage: Passage) => {
        // Every part is looked at in order, also while an earlier one is held up
        isThere ||= comes(passage);
        if (!isThere || isDone) return undefined;
        try {
          const { done, pieces } = await FAULTS[fault](reach, passage);
          isDone ||= done;
          return pieces;
        } catch (error) {
          impossible = asError(error);
          throw error;
        }
      }),
    );
    const to = `ferry+tcp:127.0.0.1:${relay.port}`;
    const sent = outcomeOf(
      here,
      here.tell('send', { to, channels: 2, resumes: 2, timings, ...passesFor(phase), ...send }),
    );
    const firstOutcome = Promise.race([sent, received]);
    const reach: Reach = {
      relay,
      source: here,
      destination: there,
      firstOutcome,
      port,
      later: (end) => void after.defer(() => void end()),
    };
    const [source, destination] = await inTime(Promise.all([sent, received]), () => this.#course());
    assert.ifError(impossible);
    assert.ok(isThere, `The phase never came: ${source?.why} / ${destination?.why}\n${this.#course()}`);
    await this.#nothingHeld(before);
    return { source, destination, course: this.#course() };
  }

  /** The guest works in that process, and finds everything as it left it. */
  async runsAt(end: EndProcess): Promise<void> {
    await inTime(end.tell('goesOn'), () => this.#course());
    const { wrong, addsUp } = await end.tell('look');
    assert.deepEqual({ wrong, addsUp }, { wrong: 0, addsUp: true }, 'The guest finds what it did not write');
    assert.equal(end.stays.at(-1)?.to, Number.POSITIVE_INFINITY);
  }

  /** Somebody decides, after an unknown outcome, that the machine runs on at the source. */
  async decideForSource(): Promise<void> {
    await this.here.tell('decide');
  }

  /** At no time did the guest run twice. */
  assertOnce(): void {
    const stays = this.#processes.flatMap((end) => end.stays).sort((a, b) => a.from - b.from);
    stays.reduce((before: Stay | undefined, stay) => {
      assert.ok(before === undefined || before.to <= stay.from, `The guest ran twice from ${stay.from} on`);
      return stay;
    }, undefined);
  }

  /** The machine is at the destination now: the next transfer goes the other way. */
  swap(): void {
    [this.#here, this.#there] = [this.#there, this.#here];
  }

  /** Begin again with other processes: in those there are something did not go as stated. */
  async startOver(): Promise<void> {
    await Promise.all([this.#here?.kill(), this.#there?.kill()]);
    this.#here = undefined;
    this.#there = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#processes) await end[Symbol.asyncDispose]();
  }

  /** A process with the machine, and one with something to receive it into: what is there of the last transfer. */
  async #prepare(): Promise<void> {
    if (this.#there?.isGone !== false) {
      this.#there = this.#spawn();
      await this.#there.tell('create', { guest: false, ...this.#machine });
    }
    if (this.#here?.isGone !== false) {
      this.#here = this.#spawn();
      await this.#here.tell('create', { guest: true, ...this.#machine });
    }
  }

  #spawn(): EndProcess {
    const end = new EndProcess();
    this.#processes.push(end);
    return end;
  }

  async #holdings(): Promise<Holdings> {
    return new Map([
      [this.here, await this.here.tell('holdings')],
      [this.there, await this.there.tell('holdings')],
    ]);
  }

  /** Whoever is left has nothing that it did not have before, once threads that were told to end have ended. */
  async #nothingHeld(before: Holdings): Promise<void> {
    for (const [end, held] of before) {
      const until = performance.now() + ENDED_WITHIN;
      for (let more = ['?']; more.length > 0 && !end.isGone; ) {
        const now = Object.entries(await end.tell('holdings'));
        more = now.flatMap(([what, count]) => (count > (held[what] ?? 0) ? [`${count} × ${what}`] : []));
        assert.ok(more.length === 0 || performance.now() < until, `Still held: ${more}: ${this.#course()}`);
      }
    }
  }

  #course(): string {
    return (['here', 'there'] as const)
      .map(
        (end) => `${end}:\n${this[end].told.map(({ detail }) => `  ${JSON.stringify(detail)}`).join('\n')}`,
      )
      .join('\n');
  }
}

/** Undefined where the process is gone before it could say it. */
async function outcomeOf(end: EndProcess, outcome: Promise<OutcomeSaid>): Promise<OutcomeSaid | undefined> {
  try {
    return await outcome;
  } catch (error) {
    if (end.isGone) return undefined;
    throw error;
  }
}

async function inTime<T>(promise: Promise<T>, describe: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new assert.AssertionError({ message: `No outcome in time: ${describe()}` })),
    DEADLINE,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
