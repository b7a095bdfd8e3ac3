/** Threads for what blocks on one device: their tasks, their end, and what becomes of a ledger when one dies. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Lane, ReceiveSlots, SendSlots, SlotSink } from '../../../src/engine/slots/index.ts';
import { createPipe, writeFrom } from '../../../src/sys/index.ts';
import { DISK, NIC } from './device-state-rig.ts';
import type { OddStart, OddTask } from './odd-lane.ts';

const module = new URL('./odd-lane.ts', import.meta.url);

function startLane(start: OddStart = {}): Promise<Lane> {
  return Lane.start({ name: 'lane of x', module, start });
}

function run(lane: Lane, task: OddTask, options: { signal?: AbortSignal; deadline?: number } = {}) {
  return lane.run(task, options);
}

/** Whether a thread of this process is in read(2) of a descriptor. */
function someoneReads(fd: number): boolean {
  const call = process.arch === 'arm64' ? 63 : 0;
  return readdirSync('/proc/self/task').some((thread) => {
    const path = `/proc/self/task/${thread}/syscall`;
    return existsSync(path) && readFileSync(path, 'utf8').startsWith(`${call} 0x${fd.toString(16)} `);
  });
}

describe('a lane', () => {
  it('does tasks one after the other, and says what they ended with', async () => {
    await using lane = await startLane();
    const answers = [1, 'two', { three: [3] }].map((value) => run(lane, { do: 'echo', value }));
    const failed = assert.rejects(run(lane, { do: 'fail' }), {
      code: 'ERR_SLOT_WAIT',
      message: 'Nothing came',
      retry: true,
    });
    assert.deepEqual(await Promise.all(answers), [1, 'two', { three: [3] }]);
    await failed;
    assert.equal(await run(lane, { do: 'echo', value: 'after' }), 'after');
  });

  it('ends in good order: what does its work is disposed of on its thread', async () => {
    const pipe = createPipe('disposal');
    using read = pipe.read;
    using write = pipe.write;
    const lane = await startLane({ tell: write.number });
    assert.ok(!lane.hasEnded);
    assert.ok(await lane.end());
    assert.ok(lane.hasEnded);
    const told = Buffer.alloc(20);
    assert.equal(told.toString('utf8', 0, readSync(read.number, told)), 'disposed');
    await assert.rejects(run(lane, { do: 'echo', value: 1 }), {
      code: 'ERR_LANE',
      message: 'The lane of x has ended',
    });
  });

  it('is not there where what does its work cannot be made', async () => {
    const start = (factory: string, url = module) =>
      Lane.start({ name: 'lane', module: url, factory, start: {} });
    await assert.rejects(start('notMade'), { code: 'ERR_SLOT_LIMITS', message: 'There is no such device' });
    await assert.rejects(start('missing'), {
      code: 'ERR_LANE',
      message: `${module} exports no function missing`,
    });
    await assert.rejects(start('notAFunction'), { code: 'ERR_LANE' });
    await assert.rejects(start('createLane', new URL('./no-such-module.ts', module)));
  });

  it('is ended by force where a task waits or runs for ever, and names itself', async () => {
    const blocked = await startLane();
    const forEver = run(blocked, { do: 'wait' }, { deadline: 10 });
    await assert.rejects(forEver, {
      code: 'ERR_DEADLINE',
      message: 'For the lane of x to do what it was asked for did not happen within 10 ms',
    });
    assert.ok(await blocked.end(0));
    const spinning = await startLane();
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    const stop = new AbortController();
    const spun = run(spinning, { do: 'spin' }, { signal: stop.signal });
    stop.abort(reason);
    await assert.rejects(spun, reason);
    await assert.rejects(run(spinning, { do: 'spin' }, { signal }), reason);
    assert.ok(await spinning.end(0));
  });

  it('that is in a system call is known not to have ended until the call returns', async () => {
    const pipe = createPipe('silence');
    using read = pipe.read;
    using write = pipe.write;
    const lane = await startLane();
    const reading = assert.rejects(run(lane, { do: 'read', fd: read.number }), { code: 'ERR_LANE' });
    while (!someoneReads(read.number)) await setImmediate();
    assert.equal(await lane.end(0), false);
    assert.equal(lane.hasEnded, false);
    writeFrom(write, new Uint8Array(1));
    await reading;
    assert.ok(await lane.end(0));
  });
});

describe('a ledger whose lock a thread dies with', () => {
  it('goes on when the end of that thread is told', async () => {
    using from = new SendSlots({
      devices: [DISK, NIC],
      slots: 4,
      bell: new SharedArrayBuffer(4),
      credits: true,
    });
    using to = new ReceiveSlots({ devices: [DISK, NIC], slots: 4, credits: true });
    const sink = new SlotSink(from.sink(0));
    sink.write(new Uint8Array(100));
    for (const slots of [from, to]) {
      const lane = await startLane();
      const { thread } = lane;
      await assert.rejects(run(lane, { do: 'hold', ledger: slots.start.ledger }, { deadline: 100 }));
      assert.ok(await lane.end(0));
      slots.threadEnded(thread);
      // Telling it twice, or of another thread, does nothing
      slots.threadEnded(thread);
    }
    assert.equal(from.device(0).held, 1);
    sink.end();
    assert.deepEqual([from.device(0).posted, to.credit(1)], [1, 1]);
  });
});

it('a device that does not return is named, its memory is kept, and the others finish', async () => {
  const program = fileURLToPath(new URL('./quarantine-program.ts', import.meta.url));
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--conditions=ferry-source', program], { env }, (_error, stdout, stderr) =>
      resolve(`${stdout}${stderr}`),
    );
  });
  assert.deepEqual(JSON.parse(output), {
    loaded: [false, true],
    ended: [false, true],
    stuck: 'lane of device-0',
    // The slot that the stuck one has is as it was, also after all of it was given back
    kept: [7, 7],
  });
});
