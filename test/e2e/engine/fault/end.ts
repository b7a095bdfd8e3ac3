/**
 * One end of transfers, as a process: it has a machine or is about to get one. It is told what to do in lines of JSON, and
 * says what happens the same way, at once: what it said stands even if it is killed the moment after.
 */
import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  type DestinationMachine,
  type Outcome,
  type ReceiveOptions,
  receiveMachine,
  type SendOptions,
  type SourceMachine,
  sendMachine,
  type TransferEvent,
} from '../../../../src/engine/transfer/index.ts';
import { asError, FerryError } from '../../../../src/errors.ts';
import { destinationOf, SyntheticMachine, sourceOf } from '../../../../src/machine/index.ts';
import { holdings } from '../../../support/guard.ts';
import type { Look, OutcomeSaid, Said } from './said.ts';

const UUID = Buffer.from('3f0c8a0a5b8e4c64b4c0f7f1c9d2e6a1', 'hex');
const DISK = {
  module: new URL('../../../../src/devices/blk/index.ts', import.meta.url).href,
  factory: 'createBlkDevice',
};
/** Sizes of the disks, which are in memory: so many bytes of state. */
const DISKS = [4 << 20, 2 << 20];

/** Threads that the runtime makes when it first needs them, and keeps. */
const OF_THE_RUNTIME = /^(node-MainThread|node-V8Worker|libuv-worker|DelayedTaskSche|SignalInspector)$/;

let machine: SyntheticMachine | undefined;
/** Whether nothing has ever been in its memory. */
let isFresh = false;
let source: SourceMachine | undefined;
let abort = new AbortController();

function say(said: Said): void {
  writeSync(1, `${JSON.stringify(said)}\n`);
}

/** The guest begins to run here, or stands still here, on the clock that all processes share. */
function marks(does: 'runs' | 'stands'): void {
  say({ event: does, at: Number(process.hrtime.bigint() / 1000n) });
}

function present(): SyntheticMachine {
  if (machine === undefined) throw new Error('There is no machine here');
  return machine;
}

const COMMANDS = {
  /** Make a machine, whose guest runs, or an empty one. */
  async create({ guest, ram, dirtyRate }: { guest: boolean; ram: number; dirtyRate: number }) {
    const disks = DISKS.map((size) => ({ ...DISK, options: { memory: size }, size, rate: 1 << 20 }));
    machine = await SyntheticMachine.create({ uuid: UUID, ram, dirtyRate, disks });
    isFresh = !guest;
    if (!guest) return;
    await machine.fill();
    await machine.wake();
    marks('runs');
    machine.work();
  },

  async send(options: SendOptions): Promise<OutcomeSaid> {
    const inner = sourceOf(present());
    const outgoing: SourceMachine = {
      ...inner,
      stop: async () => {
        await inner.stop();
        marks('stands');
      },
      resume: () => runs(() => inner.resume()),
    };
    source = outgoing;
    return plain(await sendMachine(outgoing, { ...options, ...common() }));
  },

  async receive(options: ReceiveOptions): Promise<OutcomeSaid> {
    const here = present();
    const inner = destinationOf(here);
    const destination: DestinationMachine = {
      ...inner,
      fresh: isFresh,
      start: () =>
        runs(async () => {
          await inner.start();
          here.work();
        }),
    };
    isFresh = false;
    return plain(await receiveMachine(destination, { ...options, ...common() }));
  },

  async cancel() {
    abort.abort(new FerryError('ERR_CANCELLED', 'The test wants no more'));
  },

  /** Somebody has decided that the machine runs here: the last transfer from here left that open. */
  async decide() {
    await source?.resume();
  },

  /** Have the guest stand still and look at everything that it has, then go on. */
  async look(): Promise<Look> {
    const here = present();
    await here.pause();
    const findings = await here.look();
    here.work();
    const wrong = findings.memory.wrong + findings.disks.reduce((sum, disk) => sum + disk.wrong, 0);
    return { wrong, addsUp: findings.memory.addsUp, written: here.pagesWritten, asked: here.requestsDone };
  },

  /** Resolves when the guest has written more pages and asked more of its disks than now. */
  async goesOn() {
    const here = present();
    const { pagesWritten, requestsDone } = here;
    while (here.pagesWritten === pagesWritten || here.requestsDone === requestsDone)
      await new Promise((resolve) => setTimeout(resolve, 5));
  },

  /** How much there is of everything that this process holds. */
  async holdings(): Promise<Record<string, number>> {
    const threads = readdirSync('/proc/self/task').flatMap(nameOfThread);
    const held = [
      // Numbers, and what sockets are called, change without anything having been added
      ...holdings().map((what) => what.replaceAll(/\d+/g, 'N')),
      ...threads.filter((name) => !OF_THE_RUNTIME.test(name)).map((name) => `thread ${name}`),
    ];
    const counts: Record<string, number> = {};
    for (const what of held) counts[what] = (counts[what] ?? 0) + 1;
    return counts;
  },
};

export type Commands = typeof COMMANDS;

/** Nothing for a thread that has ended meanwhile. */
function nameOfThread(id: string): string[] {
  try {
    return [readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim()];
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH'].includes(String(error.code)))
      return [];
    throw error;
  }
}

/** While a guest is being started it counts as running. */
async function runs(start: () => Promise<void>): Promise<void> {
  marks('runs');
  try {
    await start();
  } catch (error) {
    marks('stands');
    throw error;
  }
}

/** A transfer can be cancelled, and is told of. */
function common(): Pick<SendOptions, 'signal' | 'onEvent'> {
  abort = new AbortController();
  return { signal: abort.signal, onEvent: tell };
}

function tell(event: TransferEvent): void {
  if (event.type !== 'progress') say({ event: 'transfer', type: event.type, detail: event });
}

function plain({ error: _error, ...rest }: Outcome): OutcomeSaid {
  return rest;
}

async function obey(command: keyof Commands, arg: unknown): Promise<unknown> {
  return (COMMANDS[command] as (arg: unknown) => Promise<unknown>)(arg);
}

for await (const line of createInterface(process.stdin)) {
  const { id, command, arg } = JSON.parse(line);
  obey(command, arg).then(
    (value) => say({ re: id, value }),
    (error: unknown) => say({ re: id, error: asError(error).stack ?? String(error) }),
  );
}
await machine?.[Symbol.asyncDispose]();
