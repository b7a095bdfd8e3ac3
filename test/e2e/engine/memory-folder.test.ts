/**
 * A process that loads a machine from a folder in which device state lies in the worst order is given the memory that it has
 * when idle and the budget that the transfer says. It gets through; without the bound, the kernel ends it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sendMachine } from '../../../src/engine/transfer/index.ts';
import { readChannels, writeChannels } from '../../support/engine/folder-packets.ts';
import type { FolderPlan, FolderSays } from '../../support/engine/folder-program.ts';
import { chooseLimit, limitMemory, surroundings } from '../../support/engine/memory-limit.ts';
import { Crew, TemperedMachine } from '../../support/engine/tempered-machine.ts';
import { QUICK, temporaryFolder } from '../../support/engine/transfer-rig.ts';
import type { Fault } from '../../support/planted.ts';

const MIB = 1024 * 1024;
const PROGRAM = fileURLToPath(new URL('../../support/engine/folder-program.ts', import.meta.url));
const PLANT = fileURLToPath(new URL('../../support/plant.ts', import.meta.url));
/** Memory of the machine: the blocks of a `TemperedMachine`. */
const RAM = 7 * MIB;
/** What garbage collectors leave lying about while packets come, in all threads. */
const HEADROOM = { cgroup: 48 * MIB, rlimit: 1024 * MIB };
const TOTALS = [48, 48, 48, 48];

/** As many slots as there are buffers, and nothing of it said. */
const NO_BOUND: Fault = {
  file: 'src/engine/slots/receive-slots.ts',
  find: 'constructor(options: ReceiveSlotsOptions) {',
  replace:
    'constructor(said: ReceiveSlotsOptions) { const options = { ...said, slots: 16384, perDevice: 16384 };' +
    'Object.defineProperty(new.target.prototype, "worstCaseBytes", { value: said.slots * SLOT_BYTES });',
};

const folder = temporaryFolder();
after(() => folder[Symbol.dispose]());
process.env.NODE_COMPILE_CACHE = join(folder.path, 'compiled');
const machine = chooseLimit(surroundings());

/** A folder with a machine in it, the first buffers of its devices behind all others. */
async function record(): Promise<FolderPlan> {
  const [plain, worst, spill] = ['plain', 'worst', 'spill'].map((name) => join(folder.path, name));
  await using crew = await Crew.start(TOTALS.length);
  using source = new TemperedMachine({ crew, totals: TOTALS, tempers: [] });
  source.machine.fill();
  const { outcome, why } = await sendMachine(source.asSource(), {
    to: `file:${plain}`,
    channels: 3,
    timings: QUICK,
  });
  assert.deepEqual([outcome, why], ['completed', undefined]);
  const packets = readChannels(plain!);
  const states = packets.flat().filter(({ kind }) => kind === 'device');
  assert.equal(
    states.length,
    TOTALS.reduce((sum, total) => sum + total),
  );
  states.sort((a, b) => b.index! - a.index!);
  const channels = packets.map((all, id) => [
    ...all.filter(({ kind }) => kind !== 'device'),
    // All on one channel: no other order leaves as much to wait for the first buffers
    ...(id === 0 ? states : []),
  ]);
  writeChannels(plain!, worst!, channels);
  mkdirSync(spill!);
  return { folder: worst!, totals: TOTALS, slots: 12, spill: { folder: spill!, limit: 400 * MIB } };
}

interface Loaded {
  /** Bytes that it had before anything was loaded. */
  readonly idle: number;
  readonly said: FolderSays | undefined;
  readonly signal: NodeJS.Signals | null;
  readonly kills: number | undefined;
}

async function load(plan: FolderPlan, bytes?: number, fault?: Fault): Promise<Loaded> {
  using limit = limitMemory(machine);
  const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, ...env } = process.env;
  const options = fault === undefined ? [] : [`--import=${PLANT}`];
  const node = [process.execPath, '--conditions=ferry-source', ...options, PROGRAM, JSON.stringify(plan)];
  const [file = '', ...args] = limit.wrap(node, bytes);
  const child: ChildProcess = spawn(file, args, {
    env: { ...env, ...(fault && { FERRY_PLANT: JSON.stringify(fault) }) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said: FolderSays | undefined;
  let idle = 0;
  createInterface(child.stdout!).on('line', (line) => {
    said = JSON.parse(line) as FolderSays;
    if (said.says !== 'ready') return;
    idle = limit.used(child.pid!);
    child.stdin!.write('go\n');
  });
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { idle, said, signal, kills: limit.kills };
}

test('a folder in the worst order is loaded within the budget that is said', async (t) => {
  const plan = await record();
  const free = await load(plan);
  assert.ok(free.said?.says === 'done' && free.said.outcome === 'completed', JSON.stringify(free));
  const { budgetBytes } = free.said;
  const bytes = free.idle + budgetBytes + RAM + HEADROOM[machine.kind];
  t.diagnostic(
    `${[free.idle, budgetBytes, bytes].map((n) => `${Math.round(n / MIB)} MiB`).join(', ')}: idle, budget, given`,
  );
  const { said, kills } = await load(plan, bytes);
  assert.deepEqual(said, free.said);
  assert.ok(kills === undefined || kills === 0);
  const unbound = await load(plan, bytes, NO_BOUND);
  assert.equal(unbound.said?.says, 'ready', JSON.stringify(unbound));
  if (machine.kind === 'cgroup') assert.deepEqual([unbound.signal, unbound.kills], ['SIGKILL', 1]);
});
