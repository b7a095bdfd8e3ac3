import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_LOCKS, MAX_WAITERS } from '../../src/devices/fs/locks/limits.ts';
import { LAST_BYTE, LockType, type RecordLock } from '../../src/devices/fs/locks/lock.ts';
import { LockTable, type LockWaiter } from '../../src/devices/fs/locks/table.ts';
import { Errno } from '../../src/sys/index.ts';

const { read, write, unlock } = LockType;

function record(owner: number, type: number, start: number, end: number): RecordLock {
  return { owner: BigInt(owner), type, start: BigInt(start), end: BigInt(end), pid: owner * 100 };
}

function shape(table: LockTable): string[] {
  return [...table.records()]
    .map(({ lock }) => `${lock.owner}:${lock.start}-${lock.end}${lock.type === write ? 'w' : 'r'}`)
    .sort();
}

function never(error: number): void {
  assert.fail(`Answered ${error}`);
}

test('GETLK names the lock that stands in the way, with its range and process', () => {
  const table = new LockTable();
  assert.equal(table.setRecord(1, record(1, write, 10, 19)), 0);
  assert.equal(table.setRecord(1, record(1, write, 0, 5)), 0);
  assert.deepEqual(table.testRecord(1, record(2, read, 0, 100)), record(1, write, 0, 5));
  assert.deepEqual(table.testRecord(1, record(2, read, 6, 100)), record(1, write, 10, 19));
  assert.equal(table.testRecord(1, record(2, read, 20, 100)), undefined);
  assert.equal(table.testRecord(1, record(1, write, 0, 100)), undefined);
  assert.equal(table.testRecord(2, record(2, write, 0, 100)), undefined);
});

test('ranges of one owner are split, joined, upgraded and downgraded', () => {
  const table = new LockTable();
  table.setRecord(1, record(1, read, 0, 9));
  table.setRecord(1, record(1, read, 10, 19));
  assert.deepEqual(shape(table), ['1:0-19r']);
  table.setRecord(1, record(1, write, 5, 9));
  assert.deepEqual(shape(table), ['1:0-4r', '1:10-19r', '1:5-9w']);
  table.setRecord(1, record(1, unlock, 7, 12));
  assert.deepEqual(shape(table), ['1:0-4r', '1:13-19r', '1:5-6w']);
  table.setRecord(1, record(1, read, 3, 15));
  assert.deepEqual(shape(table), ['1:0-19r']);
  assert.equal(table.held, 1);
  table.releaseRecords(1, 1n);
  assert.equal(table.held, 0);
});

test('locks to the end of the file and malformed ranges', () => {
  const table = new LockTable();
  assert.equal(table.setRecord(1, { owner: 1n, type: write, start: 5n, end: LAST_BYTE, pid: 1 }), 0);
  assert.equal(table.setRecord(1, { owner: 1n, type: write, start: 0n, end: 4n, pid: 1 }), 0);
  assert.deepEqual(shape(table), [`1:0-${LAST_BYTE}w`]);
  assert.equal(table.setRecord(1, record(1, read, 6, 5)), -Errno.EINVAL);
  assert.equal(
    table.setRecord(1, { owner: 1n, type: read, start: 0n, end: LAST_BYTE + 1n, pid: 1 }),
    -Errno.EINVAL,
  );
  assert.equal(table.setRecord(1, record(1, 3, 0, 5)), -Errno.EINVAL);
  assert.equal(table.setFile(1, { owner: 1n, type: 3 }), -Errno.EINVAL);
});

test('waiters are granted in the order they came, each as soon as it can be', () => {
  const table = new LockTable();
  const granted: number[] = [];
  const wait = (owner: number, type: number, start: number, end: number) =>
    table.waitRecord(1, record(owner, type, start, end), (error) => {
      assert.equal(error, 0);
      granted.push(owner);
    });
  table.setRecord(1, record(1, write, 0, 9));
  wait(2, write, 0, 4);
  wait(3, read, 5, 9);
  wait(4, read, 0, 9);
  assert.equal(table.waiting, 3);
  table.setRecord(1, record(1, unlock, 5, 9));
  assert.deepEqual(granted, [3]);
  table.setRecord(1, record(1, unlock, 0, 9));
  assert.deepEqual(granted, [3, 2]);
  table.releaseRecords(1, 2n);
  assert.deepEqual(granted, [3, 2, 4]);
  assert.equal(table.waiting, 0);
});

test('a granted change can let an earlier waiter in', () => {
  const table = new LockTable();
  const granted: number[] = [];
  table.setRecord(1, record(1, write, 0, 0));
  table.setRecord(1, record(2, write, 1, 1));
  const note = (owner: number) => () => granted.push(owner);
  table.waitRecord(1, record(3, read, 0, 0), note(3));
  table.waitRecord(1, record(1, read, 0, 1), note(1));
  table.releaseRecords(1, 2n);
  assert.deepEqual(granted, [1, 3]);
});

test('a wait that could never end is refused, across files and through third parties', () => {
  const table = new LockTable();
  table.setRecord(1, record(1, write, 0, 0));
  table.setRecord(2, record(2, write, 0, 0));
  table.setRecord(3, record(3, read, 0, 0));
  assert.notEqual(typeof table.waitRecord(2, record(1, read, 0, 0), never), 'number');
  const second = table.waitRecord(3, record(2, write, 0, 0), never);
  assert.equal(table.waitRecord(1, record(3, read, 0, 0), never), -Errno.EDEADLK);
  assert.ok(typeof second !== 'number');
  second.answer === never && table.cancel({ ...second }, 0);
  assert.equal(table.waiting, 2);
});

test('an interrupted wait ends once', () => {
  const table = new LockTable();
  table.setRecord(1, record(1, write, 0, 0));
  const answers: number[] = [];
  const waiter = table.waitRecord(1, record(2, write, 0, 0), (error) => answers.push(error));
  assert.ok(typeof waiter !== 'number');
  assert.equal(table.cancel(waiter, -Errno.EINTR), true);
  assert.equal(table.cancel(waiter, -Errno.EINTR), false);
  table.releaseRecords(1, 1n);
  assert.deepEqual(answers, [-Errno.EINTR]);
  assert.equal(table.held + table.waiting, 0);
});

test('flock: shared and exclusive, and a conversion that fails has lost the lock', () => {
  const table = new LockTable();
  const granted: string[] = [];
  assert.equal(table.setFile(1, { owner: 1n, type: read }), 0);
  assert.equal(table.setFile(1, { owner: 2n, type: read }), 0);
  assert.equal(table.setFile(1, { owner: 2n, type: read }), 0);
  assert.equal(table.held, 2);
  table.waitFile(1, { owner: 3n, type: write }, () => granted.push('3w'));
  table.waitFile(1, { owner: 1n, type: write }, () => granted.push('1w'));
  assert.equal(table.setFile(1, { owner: 2n, type: write }), 0);
  assert.deepEqual(granted, []);
  table.releaseFile(1, 2n);
  assert.deepEqual(granted, ['3w']);
  table.releaseFile(1, 3n);
  assert.deepEqual(granted, ['3w', '1w']);
  assert.equal(table.setFile(1, { owner: 4n, type: read }), -Errno.EAGAIN);
  assert.equal(table.setRecord(1, record(4, write, 0, 9)), 0);
});

test('when a file is gone, whoever waits for its locks is told', () => {
  const table = new LockTable();
  table.setRecord(1, record(1, write, 0, 0));
  table.setFile(1, { owner: 1n, type: write });
  const answers: number[] = [];
  table.waitRecord(1, record(2, write, 0, 0), (error) => answers.push(error));
  table.waitFile(1, { owner: 2n, type: write }, (error) => answers.push(error));
  table.removeNode(1);
  assert.deepEqual(answers, [-Errno.EBADF, -Errno.EBADF]);
  assert.equal(table.held + table.waiting, 0);
});

test('requests that will be made again are forgotten without an answer; locks stay', () => {
  const table = new LockTable();
  table.setRecord(1, record(1, write, 0, 0));
  table.waitRecord(1, record(2, write, 0, 0), never);
  table.waitFile(2, { owner: 2n, type: write }, never);
  table.forgetWaiters();
  assert.equal(table.waiting, 0);
  table.releaseRecords(1, 1n);
  assert.equal(table.testRecord(1, record(3, write, 0, 0)), undefined);
});

test('locks and waiters are limited, and at the limit locks can still be given up', () => {
  const table = new LockTable();
  for (let i = 0; i < MAX_LOCKS; i++) table.setFile(i, { owner: 1n, type: write });
  assert.equal(table.setFile(MAX_LOCKS, { owner: 1n, type: write }), -Errno.ENOLCK);
  assert.equal(table.setRecord(1, record(1, write, 0, 9)), -Errno.ENOLCK);
  table.releaseFile(7, 1n);
  assert.equal(table.setRecord(1, record(1, write, 0, 9)), 0);
  assert.equal(table.setRecord(1, record(1, unlock, 4, 5)), -Errno.ENOLCK);
  assert.equal(table.setRecord(1, record(1, unlock, 0, 9)), 0);
  for (let i = 0; i < MAX_WAITERS; i++) table.waitFile(1, { owner: BigInt(i + 2), type: write }, () => i);
  assert.equal(table.waiting, MAX_WAITERS);
  assert.equal(table.waitFile(1, { owner: 1n << 60n, type: write }, never), -Errno.ENOLCK);
  table.setRecord(2, record(1, write, 0, 9));
  assert.equal(table.waitRecord(2, record(2, write, 0, 9), never), -Errno.ENOLCK);
  table.clear();
  assert.equal(table.held + table.waiting, 0);
});

/** Two files of ten bytes, a lock type per owner and byte, and waiters in one list: nothing clever. */
class NaiveLocks {
  readonly bytes = new Map<string, number>();
  waiting: { id: number; node: number; lock: RecordLock }[] = [];
  granted: number[] = [];

  blockers(node: number, lock: RecordLock): Set<bigint> {
    const owners = new Set<bigint>();
    if (lock.type === unlock) return owners;
    for (const [key, type] of this.bytes) {
      const [heldNode, owner, byte] = key.split(' ').map(Number);
      if (heldNode !== node || BigInt(owner!) === lock.owner) continue;
      if (byte! < Number(lock.start) || byte! > Number(lock.end)) continue;
      if (type === write || lock.type === write) owners.add(BigInt(owner!));
    }
    return owners;
  }

  set(node: number, lock: RecordLock): number {
    if (this.blockers(node, lock).size > 0) return -Errno.EAGAIN;
    for (let byte = Number(lock.start); byte <= Number(lock.end); byte++) {
      const key = `${node} ${lock.owner} ${byte}`;
      if (lock.type === unlock) this.bytes.delete(key);
      else this.bytes.set(key, lock.type);
    }
    return 0;
  }

  settle(): void {
    for (let before = -1; before !== this.granted.length; ) {
      before = this.granted.length;
      this.waiting = this.waiting.filter(({ id, node, lock }) => {
        if (this.set(node, lock) !== 0) return true;
        this.granted.push(id);
        return false;
      });
    }
  }

  wait(id: number, node: number, lock: RecordLock): number {
    const result = this.set(node, lock);
    if (result === 0) return 0;
    const reached = this.blockers(node, lock);
    for (const owner of reached)
      for (const waiter of this.waiting)
        if (waiter.lock.owner === owner)
          for (const next of this.blockers(waiter.node, waiter.lock)) reached.add(next);
    if (reached.has(lock.owner)) return -Errno.EDEADLK;
    this.waiting.push({ id, node, lock });
    return 1;
  }

  /** The locks as ranges, the way `shape` shows them. */
  shape(): string[] {
    const ranges: string[] = [];
    for (const node of [1, 2])
      for (let owner = 0; owner < 4; owner++)
        for (let byte = 0; byte < 10; ) {
          const type = this.bytes.get(`${node} ${owner} ${byte}`);
          const start = byte++;
          while (byte < 10 && this.bytes.get(`${node} ${owner} ${byte}`) === type) byte++;
          if (type !== undefined) ranges.push(`${owner}:${start}-${byte - 1}${type === write ? 'w' : 'r'}`);
        }
    return ranges.sort();
  }
}

const anyLock = fc.record({
  owner: fc.nat(3),
  type: fc.constantFrom(read, write),
  range: fc.tuple(fc.nat(60), fc.nat(9)).map(([start, length]) => [start, start + length] as const),
});

test('locks are found consistent exactly where they could have been granted one by one', () => {
  fc.assert(
    fc.property(fc.array(anyLock, { maxLength: 8 }), (wanted) => {
      const restored = new LockTable();
      const granted = new LockTable();
      let consistent = true;
      wanted.forEach(({ owner, type, range }, i) => {
        const lock = record(owner, type, ...range);
        restored.restoreRecord(1, lock);
        consistent &&= granted.setRecord(1, lock) === 0 && granted.held === i + 1;
        // One that only cuts a lock of its owner leaves as many.
        consistent &&= shape(granted).join() === shape(restored).join();
      });
      assert.equal(restored.held, wanted.length);
      assert.equal(restored.findInconsistent() === undefined, consistent);
    }),
    { numRuns: 2000 },
  );
});

test('a great many restored locks on one file are checked in little time', () => {
  const table = new LockTable();
  for (let i = 0; i < MAX_LOCKS; i++) table.restoreRecord(1, record(i % 7, write, i * 2, i * 2));
  const start = process.cpuUsage();
  assert.equal(table.findInconsistent(), undefined);
  assert.ok(process.cpuUsage(start).user < 1_000_000, 'more than a second of CPU time');
  table.restoreRecord(1, record(9, read, 1000, 1000));
  assert.deepEqual(table.findInconsistent()?.lock.start, 1000n);
});

test('any sequence of record lock requests ends as with one lock per byte', () => {
  const request = fc.record({
    kind: fc.constantFrom('set', 'wait', 'wait', 'test', 'close', 'cancel'),
    node: fc.constantFrom(1, 2),
    owner: fc.nat(3),
    type: fc.constantFrom(read, write, write, unlock),
    range: fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
  });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 80 }), (requests) => {
      const table = new LockTable();
      const naive = new NaiveLocks();
      const granted: number[] = [];
      const waiters = new Map<number, LockWaiter>();
      requests.forEach(({ kind, node, owner, type, range }, id) => {
        const lock = record(owner, type, ...range);
        if (kind === 'set') assert.equal(table.setRecord(node, lock), naive.set(node, lock));
        else if (kind === 'wait') {
          const result = table.waitRecord(node, lock, (error) => {
            assert.equal(error, 0);
            granted.push(id);
          });
          const expected = naive.wait(id, node, lock);
          assert.equal(typeof result === 'number' ? result : 1, expected);
          if (typeof result !== 'number') waiters.set(id, result);
        } else if (kind === 'test') {
          const found = table.testRecord(node, lock);
          assert.equal(found !== undefined, naive.blockers(node, lock).size > 0);
          if (found !== undefined) assert.ok(naive.blockers(node, lock).has(found.owner));
        } else if (kind === 'close') {
          table.releaseRecords(node, BigInt(owner));
          naive.set(node, record(owner, unlock, 0, 9));
        } else {
          const waiting = naive.waiting.shift();
          if (waiting !== undefined) {
            const waiter = waiters.get(waiting.id)!;
            const before = granted.length;
            let answer = 0;
            const held = waiter as { answer: (error: number) => void };
            held.answer = (error) => {
              answer = error;
            };
            assert.equal(table.cancel(waiter, -Errno.EINTR), true);
            assert.equal(answer, -Errno.EINTR);
            assert.equal(granted.length, before);
          }
        }
        naive.settle();
        assert.deepEqual([...granted].sort(), [...naive.granted].sort());
        assert.deepEqual(shape(table), naive.shape());
        assert.equal(table.held, naive.shape().length);
        assert.equal(table.waiting, naive.waiting.length);
      });
    }),
    { numRuns: 500 },
  );
});
