/**
 * A process that receives the state of many devices is given as much memory as it has when idle, and what it says that a
 * transfer takes at the worst. It gets through with that, whatever order buffers come in. Where the bound is taken out, the
 * kernel ends it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { pieceLength } from '../../support/engine/device-contents.ts';
import {
  chooseLimit,
  type LimitChoice,
  limitMemory,
  surroundings,
} from '../../support/engine/memory-limit.ts';
import { type ReceiverEnd, ReceiverProcess, reportOf } from '../../support/engine/receiver-process.ts';
import type { ReceiverPlan } from '../../support/engine/receiver-program.ts';
import type { Fault } from '../../support/planted.ts';

const MIB = 1024 * 1024;
const RAM = 32 * MIB;
/** State of all devices together. */
const STATE = 192 * MIB;
/** What garbage collectors leave lying about while packets come, in all threads. */
const HEADROOM = { cgroup: 48 * MIB, rlimit: 1024 * MIB };

const folder = mkdtempSync(join(tmpdir(), 'memory-'));
after(() => rmSync(folder, { recursive: true }));
// Threads that find their modules compiled do so in less memory
process.env.NODE_COMPILE_CACHE = join(folder, 'compiled');

const machine = chooseLimit(surroundings());
const idle = new Map<string, Promise<Needs>>();

/** Bytes that a receiver has when it is ready and nothing comes to it, and what it says that it takes beside that. */
interface Needs {
  readonly base: number;
  readonly worstCase: number;
}

let sockets = 0;

/** Devices with as much state each that one waits for ever in its second buffer, and one is slow. */
function planFor(devices: number, credits: boolean): ReceiverPlan {
  const spill = { folder: mkdtempSync(join(folder, 'spill-')), limit: 2 * STATE };
  return {
    path: join(folder, `socket-${sockets++}`),
    channels: 3,
    totals: new Array<number>(devices).fill(STATE / MIB / devices),
    tempers: devices > 1 ? { 1: { stuckAt: 1 }, 2: { slowMs: 5 } } : {},
    lanes: 4,
    slots: Math.max(16, 2 * devices),
    perDevice: 64,
    credits,
    ram: RAM,
    ...(!credits && { spill }),
  };
}

/** With the stock rule, which needs a little more. */
function needsOf(devices: number, choice: LimitChoice): Promise<Needs> {
  const key = `${choice.kind} ${devices}`;
  const known = idle.get(key) ?? measure(planFor(devices, false), choice);
  idle.set(key, known);
  return known;
}

async function measure(plan: ReceiverPlan, choice: LimitChoice): Promise<Needs> {
  using limit = limitMemory(choice);
  await using receiver = await ReceiverProcess.start(plan, { limit });
  const { worstCase } = receiver;
  const used = limit.used(receiver.pid);
  await receiver[Symbol.asyncDispose]();
  return { base: limit.countsUntouched ? used - worstCase : used, worstCase };
}

interface Outcome {
  readonly end: ReceiverEnd;
  readonly kills: number | undefined;
}

/** All of it in the worst order, to a receiver that has no more memory than it says that it needs. */
async function transfer(
  t: TestContext,
  plan: ReceiverPlan,
  { choice = machine, fault }: { choice?: LimitChoice; fault?: Fault } = {},
): Promise<Outcome> {
  const { base, worstCase } = await needsOf(plan.totals.length, choice);
  const bytes = base + worstCase + plan.ram + HEADROOM[choice.kind];
  using limit = limitMemory(choice);
  t.diagnostic(`${limit.title}: ${mib(base)} idle, ${mib(worstCase)} at the worst, ${mib(bytes)} given`);
  await using receiver = await ReceiverProcess.start(plan, { limit, bytes, ...(fault && { fault }) });
  assert.ok(receiver.worstCase <= worstCase, `it says ${receiver.worstCase} bytes`);
  await receiver.sendWorst();
  const end = await receiver.ended;
  return { end, kills: limit.kills };
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

/** What each device has loaded where all went well. */
function everything({ totals, tempers }: ReceiverPlan): (number | null)[] {
  return totals.map((total, d) => {
    if (tempers[d]?.stuckAt !== undefined) return null;
    return (total - 1) * MIB + pieceLength(total - 1, total);
  });
}

function assertWhole(plan: ReceiverPlan, { end, kills }: Outcome): void {
  const { loaded, ramPages } = reportOf(end);
  assert.deepEqual(loaded, everything(plan));
  assert.equal(ramPages, RAM / 4096);
  assert.ok(kills === undefined || kills === 0);
}

for (const devices of [1, 8, 64])
  for (const credits of [true, false])
    test(`${devices} devices are received in the worst order within what was said, ${credits ? 'with credits' : 'from a stock peer'}`, async (t) => {
      const plan = planFor(devices, credits);
      assertWhole(plan, await transfer(t, plan));
      // What was spilled had no name, and is gone
      if (plan.spill !== undefined) assert.deepEqual(readdirSync(plan.spill.folder), []);
    });

/** As many slots as there are buffers, and nothing of it said. */
const NO_BOUND: Fault = {
  file: 'src/engine/slots/receive-slots.ts',
  find: 'constructor(options: ReceiveSlotsOptions) {',
  replace:
    'constructor(said: ReceiveSlotsOptions) { const options = { ...said, slots: 16384, perDevice: 16384 };' +
    'Object.defineProperty(new.target.prototype, "worstCaseBytes", { value: said.slots * SLOT_BYTES });',
};

for (const credits of [true, false])
  test(`without the bound the kernel ends it, ${credits ? 'with credits' : 'from a stock peer'}`, async (t) => {
    const { end, kills } = await transfer(t, planFor(8, credits), { fault: NO_BOUND });
    assert.equal(end.said?.says === 'done', false);
    if (machine.kind === 'cgroup') assert.deepEqual([end.signal, kills], ['SIGKILL', 1]);
  });

test('a stock peer that needs more of the disk than there may be ends by name, and nothing is left of it', async (t) => {
  const plan = planFor(8, false);
  const folder = plan.spill!.folder;
  const { end } = await transfer(t, { ...plan, spill: { folder, limit: 20 * MIB } });
  assert.ok(end.said?.says === 'failed', JSON.stringify(end));
  assert.equal(end.said.code, 'ERR_SPILL');
  assert.match(end.said.message, /the spill file in .* is full, its limit is 20971520 bytes/);
  assert.deepEqual(readdirSync(folder), []);
});

test('RLIMIT_DATA stands in for a cgroup where none can be made', async (t) => {
  const plan = planFor(8, true);
  assertWhole(plan, await transfer(t, plan, { choice: { kind: 'rlimit' } }));
  await assert.rejects(
    transfer(t, planFor(8, true), { choice: { kind: 'rlimit' }, fault: NO_BOUND }),
    /mmap failed with ENOMEM: slots of device state/,
  );
});
