import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Pace,
  Pacing,
  type PacingRule,
  pauseOf,
  RateMeter,
} from '../../../src/engine/transfer/pacing.ts';

const MIB = 1_048_576;
const RULE: PacingRule = {
  downtimeMs: 300,
  maxDowntimeMs: 900,
  patienceMs: 10_000,
  precopyMs: Number.POSITIVE_INFINITY,
  onStall: 'fail',
};

/** Passes of one second each that leave `left` MiB, over a link of 100 MiB/s: the first that is not to go on. */
function run(left: readonly number[], rule: Partial<PacingRule> = {}): { pass: number; pace: Pace } {
  const pacing = new Pacing({ ...RULE, ...rule });
  for (const [index, mib] of left.entries()) {
    const end = { atMs: (index + 1) * 1000, pass: index + 1, remaining: mib * MIB, rate: 100 * MIB };
    const pace = pacing.decide(end);
    if (pace.kind !== 'go-on') return { pass: index + 1, pace };
  }
  return { pass: left.length, pace: { kind: 'go-on' } };
}

const passes = (count: number, left: (index: number) => number) =>
  Array.from({ length: count }, (_, index) => left(index));

test('passes that leave less and less go on until hardly anything remains', () => {
  const { pass, pace } = run([400, 200, 100, 50, 25, 12, 6, 3, 1, 0.5]);
  assert.equal(pace.kind, 'switch-over');
  assert.equal(pass, 9, 'the first that fits into the lowest target, 20 ms');
});

test('nothing that remains is a switchover, whatever is known of the link', () => {
  const pace = new Pacing(RULE).decide({ atMs: 5, pass: 1, remaining: 0, rate: undefined });
  assert.equal(pace.kind, 'switch-over');
});

test('passes that help no more end at the downtime that was asked for', () => {
  // 25 MiB are 250 ms: within 300 ms, which the target grows to while nothing gets better
  const { pass, pace } = run(passes(30, () => 25));
  assert.equal(pace.kind, 'switch-over');
  assert.ok(pass > 2 && pass < 8, `in pass ${pass}`);
});

test('a dip is not waited for where there is progress, and is used where there is none', () => {
  const progress = run(passes(9, (index) => 1000 - index * 100));
  assert.equal(progress.pace.kind, 'go-on');
  // 80 MiB are 800 ms: more than the target, less than the longest pause; every fifth pass is such a dip
  const { pass, pace } = run(passes(60, (index) => (index % 5 === 4 ? 80 : 140)));
  assert.equal(pace.kind, 'switch-over');
  assert.equal(pass % 5, 0, 'not at a dip');
  assert.ok(pass >= 10 && pass <= 25, `in pass ${pass}`);
});

test('a machine that writes faster than the link carries is given up', () => {
  const { pace } = run(passes(60, () => 400));
  assert.equal(pace.kind, 'give-up');
  assert.match(
    pace.kind === 'give-up' ? pace.why : '',
    /^400 MiB remain at 100 MiB\/s; at best that is a pause/,
  );
});

test('or is stopped all the same where that was asked for', () => {
  const { pace } = run(
    passes(60, () => 400),
    { onStall: 'force' },
  );
  assert.equal(pace.kind, 'switch-over');
});

test('pre-copy that has a limit ends with it', () => {
  const slow = passes(60, (index) => 1000 - 10 * index);
  const failed = run(slow, { precopyMs: 7000 });
  assert.deepEqual([failed.pass, failed.pace.kind], [7, 'give-up']);
  assert.match(failed.pace.kind === 'give-up' ? failed.pace.why : '', /^After 7000 ms 940 MiB remain/);
  const forced = run(slow, { precopyMs: 7000, onStall: 'force' });
  assert.deepEqual([forced.pass, forced.pace.kind], [7, 'switch-over']);
});

test('whatever passes leave, without force the pause that is accepted is within the longest one', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 200 }), (left) => {
      const { pass, pace } = run(left);
      if (pace.kind === 'switch-over')
        assert.ok(pauseOf(left[pass - 1]! * MIB, 100 * MIB)! <= RULE.maxDowntimeMs);
    }),
  );
});

test('every machine that goes on writing as it does comes to an end', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 5 }), (level, wobble) => {
      const left = passes(100, (index) => level + ((index * 7) % (wobble + 1)));
      assert.notEqual(run(left).pace.kind, 'go-on');
    }),
  );
});

test('the rate follows what was sent lately, and pieces give what the whole gives', () => {
  const meter = new RateMeter();
  assert.equal(meter.rate, undefined);
  meter.note(0, 10);
  assert.equal(meter.rate, undefined);
  for (let i = 0; i < 20; i++) meter.note(MIB, 10);
  assert.ok(Math.abs(meter.rate! - 100 * MIB) < 6 * MIB);
  for (let i = 0; i < 300; i++) meter.note(MIB / 10, 10);
  assert.ok(Math.abs(meter.rate! - 10 * MIB) < 3 * MIB, `${meter.rate! / MIB}`);
});
