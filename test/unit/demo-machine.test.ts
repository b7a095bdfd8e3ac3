import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage } from '../../src/cli/demo/machine-messages.ts';
import { FIRST_LOOK, machinePlan, machineWords, tlsFiles } from '../../src/cli/demo/machine-options.ts';
import { compareDigests, showFindings } from '../../src/cli/demo/machine-proof.ts';
import { whatIsMissing } from '../../src/cli/demo/machine-story.ts';
import { TransferWatch } from '../../src/cli/demo/machine-watch.ts';
import { formatEvent, Timeline } from '../../src/cli/demo/timeline.ts';

const OPTIONS = {
  ...FIRST_LOOK,
  devices: 2,
  dirtyRate: 1000,
  channels: 4,
  compress: 'none',
  compressState: 'none',
  checksum: true,
} as const;

test('what the process of the destination says is looked at', () => {
  const found = {
    type: 'found',
    when: 'later',
    findings: { memory: {}, disks: [] },
    pagesWritten: 7,
  };
  assert.deepEqual(decodeMessage(JSON.stringify(found)), found);
  assert.deepEqual(decodeMessage('{"type":"end","peakBytes":1}'), { type: 'end', peakBytes: 1 });
  for (const [line, message] of [
    ['', /JSON/],
    ['{', /JSON/],
    ['null', /its type is odd/],
    ['{}', /its type is odd/],
    ['{"type":"toString"}', /its type is odd/],
    ['{"type":"listening"}', /its uri is odd/],
    ['{"type":"listening","uri":1}', /its uri is odd/],
    ['{"type":"end","peakBytes":"1"}', /its peakBytes is odd/],
    [`{"type":"digests","what":"${'x'.repeat(200)}"}`, /….*its from is odd/],
  ] as const)
    assert.throws(() => decodeMessage(line), { code: 'ERR_DEMO_MESSAGE', message }, line);
});

test('both processes make the same machine of the options', () => {
  assert.deepEqual(machineWords(OPTIONS), [
    ...['--devices', '2', '--state', '67108864', '--ram', '536870912', '--dirty-rate', '1000'],
  ]);
  const plan = machinePlan(OPTIONS, new Uint8Array(16));
  assert.deepEqual([plan.ram, plan.dirtyRate, plan.disks.length], [2 ** 29, 1000, 2]);
  assert.deepEqual(plan.disks[1]?.options, { memory: 2 ** 26 });
  assert.deepEqual(tlsFiles(OPTIONS, 'server'), {});
  assert.deepEqual(tlsFiles({ ...OPTIONS, tls: '/certs' }, 'client'), {
    tls: { ca: '/certs/ca-cert.pem', certificate: '/certs/client-cert.pem', key: '/certs/client-key.pem' },
  });
});

test('a machine that does not fit the memory there is is told with what it needs', () => {
  assert.equal(whatIsMissing({ ...OPTIONS, ram: 2 ** 20, state: 2 ** 20 }), undefined);
  assert.match(whatIsMissing({ ...OPTIONS, ram: 2 ** 50 })!, /need 2\d{3} TiB .* smaller values of --ram/);
});

test('the highest of what was seen of a transfer is kept', () => {
  const watch = new TransferWatch();
  const progress = (queued: number, residentBytes: number) => ({
    ...({ atMs: 1, type: 'progress', bytes: 1, rate: 1, remaining: 0 } as const),
    ...{ pages: { normal: 0, zero: 0 }, channels: [], budgetBytes: 10 },
    ...{ devices: [{ idstr: 'disk', instance: 3, queued, next: 0 }], residentBytes },
  });
  watch.see(progress(2, 30));
  watch.see(progress(5, 20));
  watch.see(progress(1, 25));
  assert.deepEqual([watch.queued.get(3), watch.residentBytes, watch.budgetBytes], [5, 30, 10]);
});

test('differences at the two ends, and what the guest found wrong, turn the story bad', () => {
  const same = new Timeline(() => undefined);
  const digests = new Uint8Array(96).fill(1);
  compareDigests(same, 'RAM', digests, digests.slice());
  const disks = [{ blocks: 4, wrong: 0 }];
  showFindings(same, 'there', { memory: { pages: 9, wrong: 0, addsUp: true, written: 1 }, disks });
  assert.equal(same.ok, true);
  const bad = (tell: (timeline: Timeline) => void) => {
    const timeline = new Timeline(() => undefined);
    tell(timeline);
    assert.equal(timeline.ok, false);
    return timeline.events.map((event) => (event.type === 'check' && !event.ok ? event.found : '')).join('');
  };
  const other = digests.with(40, 2);
  assert.match(
    bad((timeline) => compareDigests(timeline, 'RAM', digests, other)),
    /^1 of 3 pieces of 1.0 MiB differ, number 1 first$/,
  );
  assert.match(
    bad((timeline) => compareDigests(timeline, 'RAM', digests, undefined)),
    /^3 of 3 /,
  );
  const memory = { pages: 9, wrong: 0, addsUp: true, written: 1 };
  for (const findings of [
    { memory: { ...memory, wrong: 1, firstWrong: 5 }, disks },
    { memory: { ...memory, addsUp: false }, disks },
    { memory, disks: [{ blocks: 4, wrong: 1, firstWrong: 2 }] },
  ])
    bad((timeline) => showFindings(timeline, 'there', findings));
});

test('passes, devices and memory are lines for people', () => {
  const lines = (tell: (timeline: Timeline) => void) => {
    const timeline = new Timeline(() => undefined);
    tell(timeline);
    return timeline.events.map((event) => formatEvent({ ...event, atMs: 1500 }));
  };
  assert.deepEqual(
    lines((timeline) => {
      const pass = { pass: 1, pages: 1234, ms: 500, rate: 2 ** 30, remaining: 2 ** 20, pauseMs: 20 };
      timeline.pass(pass);
      timeline.pass({ pass: 2, pages: 3, ms: 1, remaining: 0 });
      timeline.device({
        name: 'disk 0',
        bytes: 2 ** 22,
        saveMs: 3,
        loadMs: 4,
        queuedHere: 1,
        queuedThere: 2,
      });
      timeline.memory({
        ...{ end: 'source', peakBytes: 3 * 2 ** 20, machineBytes: 2 * 2 ** 20 },
        ...{ residentBytes: 2 ** 20, budgetBytes: 2 ** 19 },
      });
    }),
    [
      '   1.5 s    pass 1: 1,234 pages in 500 ms, 1.0 GiB/s; 1.0 MiB written meanwhile, a pause of 20 ms',
      '   1.5 s    pass 2: 3 pages in 1 ms; nothing written meanwhile',
      '   1.5 s    disk 0: 4.0 MiB, saved in 3 ms, loaded in 4 ms, at most 1 and 2 buffers waiting',
      "   1.5 s    memory of the source: 3.0 MiB at most, of which the machine 2.0 MiB; the rest 1.0 MiB while it moved, the engine's budget in it 512 KiB",
    ],
  );
});
