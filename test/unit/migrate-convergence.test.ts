import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Convergence, type Decision, DowntimeRamp } from '../../src/memory/index.ts';
import { ProgressMeter } from '../../src/migrate/progress.ts';

const MIB = 1_048_576;
const RULE = { maxDowntimeMs: 900, patienceMs: 10_000, margin: 0.04 };

/** Feed passes of one second each that leave `left` MiB; the first decision that is not to go on. */
function run(
  left: readonly number[],
  rate: number | undefined = 100 * MIB,
  rule = RULE,
): { at: number; decision: Decision } {
  const convergence = new Convergence(rule);
  for (const [index, remaining] of left.entries()) {
    const decision = convergence.sample({
      atMs: index * 1000,
      pass: index + 1,
      remaining: remaining * MIB,
      rate,
    });
    if (decision.kind !== 'go-on') return { at: index, decision };
  }
  return { at: left.length, decision: { kind: 'go-on' } };
}

const seconds = (count: number, left: (index: number) => number) =>
  Array.from({ length: count }, (_, i) => left(i));

test('pre-copy that makes progress is left alone, however slow', () => {
  assert.equal(run(seconds(300, (i) => 4000 * 0.99 ** i)).decision.kind, 'go-on');
});

test('a stall whose rest fits into the longest pause raises the limit, at a minimum', () => {
  // 80 MiB at 100 MiB/s is a pause of 800 ms; every fourth pass leaves that
  const { at, decision } = run(seconds(60, (i) => (i % 4 === 3 ? 80 : 120)));
  assert.equal(decision.kind, 'raise');
  assert.equal(decision.kind === 'raise' && decision.downtimeMs, 900);
  assert.ok(at >= 10 && at < 20, `raised at ${at} s`);
  assert.equal(at % 4, 3, 'not at a minimum');
});

test('a stall hopelessly above the limit is given up, in words', () => {
  const { at, decision } = run(seconds(60, () => 400));
  assert.equal(decision.kind, 'give-up');
  assert.match(
    decision.kind === 'give-up' ? decision.why : '',
    /400 MiB remain at 100 MiB\/s.*4000 ms, the limit is 900 ms/,
  );
  assert.ok(at >= 10 && at < 15);
});

test('a stall a little above the limit is waited for with falling patience, then given up', () => {
  const { at, decision } = run(seconds(120, (i) => 100 + (i % 2)));
  assert.equal(decision.kind, 'give-up');
  assert.ok(at > 15 && at < 60, `given up at ${at} s`);
});

test('after the limit was raised the move ends within one more patience', () => {
  const convergence = new Convergence(RULE);
  const kinds = seconds(60, (i) => i).map(
    (i) => convergence.sample({ atMs: i * 1000, pass: i + 1, remaining: 80 * MIB, rate: 100 * MIB }).kind,
  );
  const raised = kinds.indexOf('raise');
  assert.ok(raised >= 0);
  assert.equal(kinds.indexOf('give-up'), raised + 10);
});

test('a link of unknown speed is never judged, and samples within a pass decide nothing', () => {
  assert.notEqual(
    run(
      seconds(30, () => 400),
      undefined,
    ).decision.kind,
    'raise',
  );
  const convergence = new Convergence(RULE);
  for (let atMs = 0; atMs < 100_000; atMs += 100)
    assert.equal(convergence.sample({ atMs, pass: 1, remaining: 400 * MIB, rate: MIB }).kind, 'go-on');
});

test('no sequence of samples raises beyond the limit or raises twice', () => {
  const sample = fc.record({
    step: fc.integer({ min: 0, max: 5_000 }),
    newPass: fc.boolean(),
    remaining: fc.integer({ min: 0, max: 2 ** 40 }),
    rate: fc.option(fc.integer({ min: 0, max: 2 ** 34 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 200 }), (samples) => {
      const convergence = new Convergence(RULE);
      let atMs = 0;
      let pass = 1;
      let raised = 0;
      for (const { step, newPass, remaining, rate } of samples) {
        atMs += step;
        if (newPass) pass++;
        const decision = convergence.sample({ atMs, pass, remaining, rate });
        if (decision.kind === 'raise') {
          raised++;
          assert.equal(decision.downtimeMs, RULE.maxDowntimeMs);
          assert.ok(rate !== undefined && (remaining / rate) * 1000 <= RULE.maxDowntimeMs);
        }
        if (decision.kind === 'give-up') break;
      }
      assert.ok(raised <= 1);
    }),
  );
});

test('the downtime limit grows only while passes do not help, and never beyond what was asked for', () => {
  const ramp = new DowntimeRamp(300);
  assert.equal(ramp.currentMs, 20);
  for (const [index, remaining] of [1000, 500, 250, 100].entries())
    assert.equal(ramp.sample({ pass: index + 1, remaining }), false);
  assert.equal(ramp.sample({ pass: 4, remaining: 5000 }), false, 'still the same pass');
  const grown = Array.from({ length: 8 }, (_, index) => {
    ramp.sample({ pass: index + 5, remaining: 100 });
    return ramp.currentMs;
  });
  assert.deepEqual(grown, [40, 80, 160, 300, 300, 300, 300, 300]);
  assert.equal(new DowntimeRamp(5).currentMs, 5);
});

test('rates and the time left as a range', () => {
  const meter = new ProgressMeter();
  const info = (transferred: number, dirty: number, expected: number) => ({
    status: 'active',
    'expected-downtime': expected,
    ram: {
      transferred,
      remaining: 100 * MIB,
      total: 1000 * MIB,
      duplicate: 0,
      normal: 0,
      'normal-bytes': 0,
      'dirty-pages-rate': dirty,
      mbps: 0,
      'dirty-sync-count': 2,
      'postcopy-requests': 0,
      'page-size': 4096,
      'multifd-bytes': 0,
      'pages-per-second': 0,
      'precopy-bytes': 0,
      'downtime-bytes': 0,
      'postcopy-bytes': 0,
      'dirty-sync-missed-zero-copy': 0,
    },
  });
  assert.equal(meter.read(info(0, 0, 300), 0)?.rate, undefined);
  // 50 MiB in 500 ms, while the guest writes 25 600 pages, 100 MiB, a second
  const even = meter.read(info(50 * MIB, 25_600, 2 ** 63), 500);
  assert.equal(even?.rate, 100 * MIB);
  assert.deepEqual(even?.timeLeftMs, [1000, undefined]);
  assert.equal(even?.expectedDowntimeMs, undefined, 'QEMU 11 says 2^63 - 1 when it does not know');
  assert.deepEqual(meter.read(info(50 * MIB, 12_800, 10), 600)?.timeLeftMs, [1000, 2000]);
  assert.equal(meter.read({ status: 'setup' }, 700), undefined);
});
