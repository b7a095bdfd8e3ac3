/** Each check against facts that are right but for one thing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Facts, SideFacts } from '../../src/migrate/facts.ts';
import { describePlan, makePlan } from '../../src/migrate/plan.ts';
import type { Finding } from '../../src/migrate/precheck/finding.ts';
import { runChecks, runSourceChecks } from '../../src/migrate/precheck/run.ts';

const CAPABILITIES = ['return-path', 'events', 'pause-before-switchover', 'late-block-activate', 'multifd'];

function side(role: 'source' | 'destination', change: Partial<SideFacts> = {}): SideFacts {
  return {
    monitor: `/run/${role}.qmp`,
    pid: role === 'source' ? 100 : 200,
    version: { qemu: { major: 10, minor: 0, micro: 13 }, package: '' },
    name: 'vm',
    uuid: '00000000-0000-0000-0000-000000000001',
    arch: 'x86_64',
    machine: 'pc-q35-10.0',
    machines: ['pc-q35-10.0', 'pc-q35-9.2'],
    cpuTypes: ['qemu64-x86_64-cpu'],
    status:
      role === 'source' ? { status: 'running', running: true } : { status: 'inmigrate', running: false },
    migration: {},
    capabilities: new Map(CAPABILITIES.map((name) => [name, false])),
    parameters: { 'downtime-limit': 300, 'max-bandwidth': 134217728, mode: 'normal' },
    memory: 67108864,
    memoryBackends: [],
    peripherals: [],
    pci: [],
    jobs: [],
    disks: [],
    backEnds: [],
    ...change,
  };
}

function facts(
  source: Partial<SideFacts> = {},
  destination: Partial<SideFacts> = {},
  rest: Partial<Facts> = {},
): Facts {
  return {
    source: side('source', source),
    destination: side('destination', destination),
    local: true,
    uri: undefined,
    ...rest,
  };
}

const against = (found: Finding[]) =>
  found.filter(({ verdict }) => verdict !== 'ok').map(({ id, verdict }) => `${verdict} ${id}`);

test('facts that are right: every check says ok, once', () => {
  const findings = runChecks(facts());
  assert.deepEqual(against(findings), []);
  const ids = findings.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(ids.length, 18);
});

const memfd = (share: boolean) => ({
  id: 'm',
  size: 67108864,
  merge: true,
  dump: true,
  prealloc: false,
  share,
  'host-nodes': [],
  policy: 'default',
});
const fs = (queueSize: number) => ({
  path: '/machine/peripheral/fs0',
  name: 'fs0',
  type: 'vhost-user-fs-pci',
  queueSize,
});
const gpu = { path: '/machine/peripheral/g', name: 'g', type: 'vhost-user-gpu-pci', queueSize: undefined };
const rng = { path: '/machine/peripheral/r', name: 'r', type: 'virtio-rng-pci', queueSize: undefined };
const vfioUser = { path: '/machine/peripheral/v', name: 'v', type: 'vfio-user-pci', queueSize: undefined };
const v102 = { qemu: { major: 10, minor: 2, micro: 3 }, package: '' };
const v11 = { qemu: { major: 11, minor: 1, micro: 3 }, package: '' };
const ABLE = ['LOG_SHMFD', 'DEVICE_STATE'];
const backEnd = (socketPath: string, protocolFeatures: string[] | undefined, device = 'fs') => ({
  chardev: 'c0',
  socketPath,
  status: {
    program: 'ferry',
    version: '1',
    device,
    stateVersion: 1,
    features: '0x130000000',
    protocolFeatures: ABLE,
    negotiated: protocolFeatures === undefined ? null : { features: '0x130000000', protocolFeatures },
    lifecycle: 'running' as const,
    owner: true,
    ringsRunning: 2,
    epoch: null,
    lastTransfer: null,
    migration: null,
  },
});
/** A back end with one parameter, `off` being 1, in effect where `pair` has it, and what it takes of it. */
const speaking = (socketPath: string, pair: string, takes: Record<string, unknown[] | undefined>) => {
  const list = `a.com/x\n${pair === '' ? '' : `${pair}\n`}`;
  const params = Object.fromEntries(
    Object.entries(takes).map(([name, values]) => [
      name,
      {
        type: 'int',
        init_value: 2,
        ...(values === undefined
          ? {}
          : { init_value: values[0] === '1-8' ? 8 : values[0], allowed_values: values }),
        ...(name === 'state-format' ? { off_value: 1, 'x-live': 'state' } : {}),
      },
    ]),
  );
  const report = { model: 'a.com/x', list, digest: '0'.repeat(64), frozen: false };
  const plain = backEnd(socketPath, ABLE);
  return {
    ...plain,
    status: { ...plain.status, migration: report },
    parameters: { ...report, info: JSON.stringify({ models: { 'a.com/x': { params } } }) },
  };
};
const paired = (here: SideFacts['backEnds'][number], there: SideFacts['backEnds'][number]) =>
  facts(
    { backEnds: [here], memoryBackends: [memfd(true)] },
    { backEnds: [there], memoryBackends: [memfd(true)] },
  );
const jobs = [
  { id: 'j', type: 'backup', status: 'running', 'current-progress': 0, 'total-progress': 1 },
] satisfies SideFacts['jobs'];
const disk = (file: string) => ({
  'node-name': 'd',
  drv: 'file',
  ro: false,
  file,
  cache: { writeback: true, direct: false, 'no-flush': false },
});

const CASES: { what: string; facts: Facts; expected: string[]; words?: RegExp }[] = [
  { what: 'one process behind two monitors', facts: facts({}, { pid: 100 }), expected: ['refuse two-sides'] },
  { what: 'another UUID', facts: facts({}, { uuid: 'x' }), expected: ['warn two-sides'] },
  { what: 'another name', facts: facts({}, { name: 'other' }), expected: ['warn two-sides'] },
  { what: 'an older destination', facts: facts({ version: v11 }), expected: ['warn versions'] },
  { what: 'another target', facts: facts({}, { arch: 'aarch64' }), expected: ['refuse versions'] },
  {
    what: 'a paused guest',
    facts: facts({ status: { status: 'paused', running: false } }),
    expected: ['warn guest'],
  },
  {
    what: 'a guest that has left',
    facts: facts({ status: { status: 'postmigrate', running: false } }),
    expected: ['refuse guest'],
  },
  {
    what: 'swapped sides',
    facts: facts(
      { status: { status: 'inmigrate', running: false } },
      { status: { status: 'running', running: true } },
    ),
    expected: ['refuse guest', 'refuse destination'],
  },
  {
    what: 'a crashed guest',
    facts: facts({ status: { status: 'guest-panicked', running: false } }),
    expected: ['refuse guest'],
  },
  {
    what: 'a migration under way',
    facts: facts({ migration: { status: 'active' } }),
    expected: ['refuse guest'],
  },
  {
    what: 'a blocker at the source',
    facts: facts({ migration: { 'blocked-reasons': ['nvme cannot'] } }),
    expected: ['refuse blockers'],
    words: /source says: nvme cannot/,
  },
  {
    what: 'a blocker at the destination',
    facts: facts({}, { migration: { 'blocked-reasons': ['a', 'b'] } }),
    expected: ['refuse blockers', 'refuse blockers'],
  },
  {
    what: 'a destination that listens',
    facts: facts(
      {},
      { migration: { status: 'setup', 'socket-address': [{ type: 'unix', path: '/run/m' }] } },
    ),
    expected: ['warn destination'],
  },
  {
    what: 'a destination that failed',
    facts: facts({}, { migration: { status: 'failed', 'error-desc': 'no' } }),
    expected: ['refuse destination'],
  },
  {
    what: 'another machine',
    facts: facts({}, { machine: 'pc-q35-9.2' }),
    expected: ['refuse machine'],
    words: /-machine pc-q35-10\.0/,
  },
  {
    what: 'an unknown machine',
    facts: facts({ machine: 'pc-q35-11.0' }),
    expected: ['refuse machine'],
    words: /has no pc-q35-11\.0/,
  },
  { what: 'fewer CPUs', facts: facts({ cpuTypes: ['a', 'a'] }), expected: ['refuse cpus'] },
  { what: 'another CPU model', facts: facts({ cpuTypes: ['EPYC-x86_64-cpu'] }), expected: ['refuse cpus'] },
  {
    what: 'the host’s CPU',
    facts: facts({ cpuTypes: ['host-x86_64-cpu'] }, { cpuTypes: ['host-x86_64-cpu'] }),
    expected: ['warn cpus'],
  },
  { what: 'less memory', facts: facts({}, { memory: 1 }), expected: ['refuse memory'] },
  {
    what: 'another memory backend',
    facts: facts({ memoryBackends: [memfd(true)] }),
    expected: ['refuse memory'],
  },
  {
    what: 'a missing device',
    facts: facts({ peripherals: [rng] }),
    expected: ['refuse devices'],
    words: /Device r: virtio-rng-pci at the source, none at the destination/,
  },
  {
    what: 'a moved PCI function',
    facts: facts({ pci: [{ address: '00:01.0', id: '', identity: '1af4:1041' }] }),
    expected: ['refuse devices'],
  },
  {
    what: 'a vhost-user GPU',
    facts: facts(
      { peripherals: [gpu], memoryBackends: [memfd(true)] },
      { peripherals: [gpu], memoryBackends: [memfd(true)] },
    ),
    expected: ['refuse silent-loss'],
    words: /device_del g/,
  },
  {
    what: 'a vfio-user device',
    facts: facts({ peripherals: [vfioUser] }, { peripherals: [vfioUser] }),
    expected: ['refuse silent-loss'],
  },
  {
    what: 'private memory under a back end',
    facts: facts(
      { peripherals: [fs(128)], memoryBackends: [memfd(false)] },
      { peripherals: [fs(128)], memoryBackends: [memfd(true)] },
    ),
    expected: ['refuse shared-memory'],
  },
  {
    what: 'no memory backend under a back end',
    facts: facts({ peripherals: [fs(128)] }, { peripherals: [fs(128)] }),
    expected: ['refuse shared-memory', 'refuse shared-memory'],
  },
  {
    what: 'a back end that logs nothing',
    facts: facts(
      { backEnds: [backEnd('/a', ['DEVICE_STATE'])], memoryBackends: [memfd(true)] },
      { backEnds: [backEnd('/b', ABLE)], memoryBackends: [memfd(true)] },
    ),
    expected: ['refuse back-ends'],
    words: /no LOG_SHMFD/,
  },
  {
    what: 'a back end that keeps its state',
    facts: facts(
      { backEnds: [backEnd('/a', ABLE)], memoryBackends: [memfd(true)] },
      { backEnds: [backEnd('/b', [])], memoryBackends: [memfd(true)] },
    ),
    expected: ['refuse back-ends'],
    words: /destination negotiated no LOG_SHMFD and no DEVICE_STATE/,
  },
  {
    what: 'one back end for both',
    facts: facts(
      { backEnds: [backEnd('/a', ABLE)], memoryBackends: [memfd(true)] },
      { backEnds: [backEnd('/a', ABLE)], memoryBackends: [memfd(true)] },
    ),
    expected: ['refuse back-ends'],
  },
  {
    what: 'another kind of back end',
    facts: facts(
      { backEnds: [backEnd('/a', ABLE)], memoryBackends: [memfd(true)] },
      { backEnds: [backEnd('/b', ABLE, 'blk')], memoryBackends: [memfd(true)] },
    ),
    expected: ['refuse back-ends'],
  },
  {
    what: 'no back end at the destination',
    facts: facts(
      { backEnds: [backEnd('/a', undefined)], memoryBackends: [memfd(true)] },
      { memoryBackends: [memfd(true)] },
    ),
    expected: ['warn back-ends'],
  },
  {
    what: 'back ends whose parameters fit',
    facts: paired(speaking('/a', 'q=4', { q: [4] }), speaking('/b', 'q=8', { q: ['1-8'] })),
    expected: [],
  },
  {
    what: 'a back end that does not take the parameters of the other',
    facts: paired(speaking('/a', 'q=4', { q: [4] }), speaking('/b', 'q=2', { q: [1, 2] })),
    expected: ['refuse parameters'],
    words: /c0: .*q=4.*1-2.*/,
  },
  {
    what: 'an older back end at the destination, and a state that it could be given',
    facts: paired(speaking('/a', 'state-format=2', { 'state-format': [1, 2] }), speaking('/b', '', {})),
    expected: ['refuse parameters'],
    words: /ferry compat set --control \/a\.ctl state-format=1/,
  },
  {
    what: 'a back end from before there were parameters, and a state that it would not know',
    facts: paired(speaking('/a', 'state-format=2', { 'state-format': [1, 2] }), backEnd('/b', ABLE)),
    expected: ['refuse parameters'],
    words: /ferry compat set --control \/a\.ctl state-format=1/,
  },
  {
    what: 'a back end from before there were parameters, and a state that it knows',
    facts: paired(speaking('/a', '', { 'state-format': [1, 2] }), backEnd('/b', ABLE)),
    expected: [],
  },
  {
    what: 'parameters that nobody can vouch for',
    facts: paired(speaking('/a', 'q=4', { q: [4] }), speaking('/b', 'q=2', { q: undefined })),
    expected: ['warn parameters'],
  },
  {
    what: 'parameters that cannot be read',
    facts: paired(speaking('/a', 'q', { q: [4] }), speaking('/b', 'q=2', { q: [2] })),
    expected: ['warn parameters'],
  },
  {
    what: 'other queue sizes',
    facts: facts(
      { peripherals: [fs(1024)], memoryBackends: [memfd(true)] },
      { peripherals: [fs(128)], memoryBackends: [memfd(true)] },
    ),
    expected: ['refuse queue-sizes'],
    words: /queue-size=1024/,
  },
  {
    what: 'small queues from 10.0 to 11.1',
    facts: facts({ peripherals: [rng] }, { version: v11, peripherals: [rng] }),
    expected: ['warn queue-sizes'],
    words: /r \(virtio-rng-pci\)/,
  },
  {
    what: 'small queues from 10.2 to 11.1',
    facts: facts({ version: v102, peripherals: [rng] }, { version: v11, peripherals: [rng] }),
    expected: ['warn queue-sizes'],
    words: /QEMU 10\.2\.3 may run r/,
  },
  {
    what: 'small queues from 11.1 to 11.1',
    facts: facts({ version: v11, peripherals: [rng] }, { version: v11, peripherals: [rng] }),
    expected: [],
  },
  {
    what: 'large queues from 10.0 to 11.1',
    facts: facts(
      { peripherals: [fs(1024)], memoryBackends: [memfd(true)] },
      { version: v11, peripherals: [fs(1024)], memoryBackends: [memfd(true)] },
    ),
    expected: [],
  },
  {
    what: 'another disk',
    facts: facts({ disks: [disk('/a.img')] }, { disks: [disk('/b.img')] }),
    expected: ['warn disks'],
  },
  { what: 'a background job', facts: facts({ jobs }), expected: ['warn jobs'] },
  {
    what: 'no return path',
    facts: facts({
      capabilities: new Map([
        ['events', false],
        ['pause-before-switchover', false],
      ]),
    }),
    expected: ['refuse capabilities'],
  },
  {
    what: 'multifd on one side',
    facts: facts({ capabilities: new Map(CAPABILITIES.map((name) => [name, name === 'multifd'])) }),
    expected: ['refuse capabilities'],
  },
  {
    what: 'another mode',
    facts: facts({ parameters: { mode: 'cpr-reboot' } }),
    expected: ['refuse capabilities'],
  },
  { what: 'no URI between hosts', facts: facts({}, {}, { local: false }), expected: ['refuse uri'] },
  {
    what: 'a unix socket between hosts',
    facts: facts({}, {}, { local: false, uri: 'unix:/run/m' }),
    expected: ['refuse uri'],
  },
  { what: 'a good URI', facts: facts({}, {}, { local: false, uri: 'tcp:[2001:db8::1]:4444' }), expected: [] },
  ...[
    'tcp:host',
    'tcp:host:0',
    'tcp:host:70000',
    'exec:cat',
    'unix:relative',
    'unix:/a,b',
    `unix:/${'x'.repeat(107)}`,
    '',
  ].map((uri) => ({
    what: `the URI ${uri.slice(0, 20)}`,
    facts: facts({}, {}, { uri }),
    expected: ['refuse uri'],
  })),
];

for (const { what, facts: given, expected, words } of CASES)
  test(`the checks and ${what}`, () => {
    const findings = runChecks(given);
    assert.deepEqual(against(findings), expected);
    for (const finding of findings.filter(({ verdict }) => verdict !== 'ok'))
      assert.ok(finding.remedy !== undefined);
    if (words !== undefined) assert.match(JSON.stringify(findings), words);
  });

test('the plan: what is set is not set again, what was asked for is, former values are kept', () => {
  const given = facts(
    { capabilities: new Map(CAPABILITIES.map((name) => [name, name === 'events'])) },
    { migration: { status: 'setup', 'socket-address': [{ type: 'inet', host: '::1', port: '4444' }] } },
  );
  const plan = makePlan(given, { source: 'a', destination: 'b', bandwidth: 1000, downtimeMs: 50 });
  assert.deepEqual(plan.sourceCapabilities, ['return-path', 'pause-before-switchover']);
  assert.equal(plan.uri, 'tcp:[::1]:4444');
  assert.equal(plan.listen, false);
  assert.deepEqual(plan.parameters, { 'downtime-limit': 20, 'max-bandwidth': 1000 });
  assert.deepEqual(plan.formerParameters, { 'downtime-limit': 300, 'max-bandwidth': 134217728 });
  assert.equal(plan.maxDowntimeMs, 50);
  assert.equal(makePlan(facts(), { source: 'a', destination: 'b' }).maxDowntimeMs, 900);
  assert.ok(describePlan(plan).some((step) => step.includes('tcp:[::1]:4444')));
});

test('what a source alone has against a move is what is said of it beside any destination', () => {
  const fine = runSourceChecks(facts());
  assert.deepEqual(against(fine), []);
  assert.equal(fine.length, 7);
  const source: Partial<SideFacts> = {
    status: { status: 'postmigrate', running: false },
    migration: { 'blocked-reasons': ['nvme'] },
    peripherals: [gpu],
    backEnds: [backEnd('/run/fs', [])],
    jobs: [{ id: 'j', type: 'mirror', status: 'running', 'current-progress': 0, 'total-progress': 1 }],
    capabilities: new Map(CAPABILITIES.filter((name) => name !== 'events').map((name) => [name, false])),
  };
  const alone = runSourceChecks({ source: side('source', source) });
  const ids = ['guest', 'blockers', 'silent-loss', 'shared-memory', 'back-ends', 'jobs', 'capabilities'];
  assert.deepEqual(
    alone.map(({ id, verdict }) => `${verdict} ${id}`),
    ids.map((id) => `${id === 'jobs' ? 'warn' : 'refuse'} ${id}`),
  );
  const beside = runChecks(facts(source));
  for (const finding of alone)
    assert.ok(
      beside.some((one) => one.id === finding.id && one.found === finding.found),
      finding.found,
    );
});
