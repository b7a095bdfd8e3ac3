/** `ferry migrate` with real QEMUs that have no Ferry device: who runs is seen in the guest's memory. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { choosePeer, type Peer } from '../../src/launch/index.ts';
import {
  controlSockets,
  type MigrateOptions,
  migrate,
  type PhaseName,
  type Verdict,
} from '../../src/migrate/index.ts';
import { shareFolder, testPeers } from '../guest/index.ts';
import { type PlainVm, type VmOptions, Yard } from './plain-vm.ts';

const QUICK = { silenceMs: 1_000, giveUpMs: 2_500, reconnectMs: 500, quitMs: 500, confirmMs: 3_000 };
const FERRY = new URL('../../bin/ferry', import.meta.url).pathname;

async function qemu(version: string): Promise<Peer> {
  return choosePeer(await testPeers(), 'qemu-system-x86_64', { version });
}

interface Pair extends AsyncDisposable {
  readonly yard: Yard;
  readonly source: PlainVm;
  readonly destination: PlainVm;
}

async function pair(
  options: { from?: string; to?: string; source?: VmOptions; destination?: VmOptions } = {},
): Promise<Pair> {
  const { from = '10.0', to = from } = options;
  const yard = await Yard.open();
  try {
    const source = await yard.start('source', await qemu(from), { ...options.source });
    const destination = await yard.start('destination', await qemu(to), {
      incoming: 'defer',
      ...(options.source?.mebibytes === undefined ? {} : { mebibytes: options.source.mebibytes }),
      ...options.destination,
    });
    return { yard, source, destination, [Symbol.asyncDispose]: () => yard[Symbol.asyncDispose]() };
  } catch (error) {
    await yard[Symbol.asyncDispose]();
    throw error;
  }
}

/** Move, doing something at the moment a phase begins. */
function move(
  { source, destination }: Pair,
  options: Partial<MigrateOptions> = {},
  at: Partial<Record<PhaseName, () => void>> = {},
): Promise<Verdict> {
  return migrate({
    source: source.qmp,
    destination: destination.qmp,
    timings: QUICK,
    ...options,
    onEvent: (event) => {
      if (event.type === 'phase') at[event.phase]?.();
    },
  });
}

async function assertAtSource({ source, destination }: Pair, verdict: Verdict): Promise<void> {
  assert.ok(await source.ticks(), `the guest does not run at the source: ${verdict.why}`);
  assert.ok(!(await destination.ticks(100)), 'the guest runs at the destination');
  assert.equal(verdict.guestAt, 'source');
  assert.equal(verdict.guestState, 'running');
  assert.deepEqual(await source.capabilities(), [], 'capabilities were left behind');
}

for (const versions of [
  ['10.0', '10.0'],
  ['11.1', '11.1'],
  ['10.0', '11.1', '10.0'],
]) {
  test(`a guest moves ${versions.join(' to ')} with its memory, and runs once`, async (t) => {
    await using yard = await Yard.open();
    const [first, ...others] = versions;
    let here = await yard.start('vm0', await qemu(first!), { noise: true });
    const memory = await here.memory();
    for (const [index, version] of others.entries()) {
      const there = await yard.start(`vm${index + 1}`, await qemu(version), { incoming: 'defer' });
      const verdict = await migrate({ source: here.qmp, destination: there.qmp });
      assert.equal(verdict.outcome, 'moved', verdict.why);
      assert.ok(await there.ticks(), 'the guest does not run at the destination');
      assert.ok(!(await here.ticks()), 'the guest still runs at the source');
      assert.equal(await here.status(), 'postmigrate');
      assert.equal(await there.status(), 'running');
      assert.ok(memory.equals(await there.memory()), 'memory differs');
      assert.ok(verdict.downtimeMs !== undefined && verdict.downtimeMs < 5_000);
      assert.ok((verdict.bytes ?? 0) > 60_000_000);
      t.diagnostic(
        `pause ${verdict.downtimeMs} ms (QEMU ${verdict.qemuDowntimeMs} ms), total ${verdict.totalMs} ms`,
      );
      here = there;
    }
  });
}

test('a destination without -S that listens already does not start the guest by itself', async () => {
  await using vms = await pair({ destination: { held: false } });
  // It is told to listen only now, so that the socket lies beside its own
  const uri = `unix:${vms.yard.folder}/stream`;
  await vms.destination.spy((client) => client.execute('migrate-incoming', { uri }));
  let startedEarly: Promise<string> | undefined;
  const verdict = await move(vms, {}, { commit: () => (startedEarly = vms.destination.status()) });
  assert.equal(verdict.outcome, 'moved', verdict.why);
  assert.ok(startedEarly !== undefined);
  assert.ok(verdict.findings.some(({ id, verdict: said }) => id === 'destination' && said === 'warn'));
  assert.equal(await vms.destination.status(), 'running');
});

test('a paused guest stays paused', async () => {
  await using vms = await pair({ from: '11.1' });
  await vms.source.spy((client) => client.execute('stop'));
  const verdict = await move(vms);
  assert.equal(verdict.outcome, 'moved', verdict.why);
  assert.equal(verdict.guestState, 'paused');
  assert.equal(await vms.destination.status(), 'paused');
  assert.ok(!(await vms.destination.ticks(100)));
});

const SLOW = { bandwidth: 4 * 1_048_576 };
const NOISY: VmOptions = { noise: true, mebibytes: 32 };

test('cancelled in pre-copy, the guest goes on at the source', async () => {
  await using vms = await pair({ from: '11.1', source: NOISY });
  const abort = new AbortController();
  const verdict = await move(
    vms,
    { ...SLOW, signal: abort.signal },
    { 'pre-copy': () => setTimeout(() => abort.abort(), 300) },
  );
  assert.equal(verdict.outcome, 'cancelled', verdict.why);
  await assertAtSource(vms, verdict);
  await vms.destination.ended;
  const parameters = await vms.source.spy((client) => client.execute('query-migrate-parameters'));
  assert.equal(parameters['max-bandwidth'], 128 * 1_048_576, 'the bandwidth was left behind');
});

for (const phase of ['pre-copy', 'switchover'] as const) {
  test(`the destination killed at ${phase}, the guest goes on at the source`, async () => {
    await using vms = await pair({ from: phase === 'pre-copy' ? '10.0' : '11.1', source: NOISY });
    const kill = () => vms.destination.signal('SIGKILL');
    const verdict = await move(vms, phase === 'pre-copy' ? SLOW : {}, { [phase]: kill });
    assert.equal(verdict.outcome, 'rolled-back', verdict.why);
    await assertAtSource(vms, verdict);
  });
}

test('the destination killed as everything has arrived: it was never told to run, so the source goes on', async () => {
  await using vms = await pair();
  // The signal races with `cont`: either it was never sent, or its fate is not known
  const verdict = await move(vms, {}, { commit: () => vms.destination.signal('SIGKILL') });
  if (verdict.outcome === 'rolled-back') await assertAtSource(vms, verdict);
  else {
    assert.equal(verdict.outcome, 'unknown', verdict.why);
    assert.equal(verdict.code, 'destination-lost');
    assert.ok(!(await vms.source.ticks()), 'the source runs though the destination may have');
  }
});

test('a silent destination in pre-copy leads back to the source', async () => {
  await using vms = await pair({ source: NOISY });
  const verdict = await move(vms, SLOW, { 'pre-copy': () => vms.destination.signal('SIGSTOP') });
  assert.equal(verdict.outcome, 'rolled-back', verdict.why);
  assert.equal(verdict.code, 'destination-silent');
  assert.match(verdict.nextSteps.join(), /could not be told to quit/);
  await assertAtSource(vms, verdict);
});

test('a silent source in the switchover is not replaced: neither side is started', async () => {
  await using vms = await pair({ from: '11.1' });
  const aborted: string[] = [];
  const verdict = await move(
    vms,
    {
      backEnds: {
        ...controlSockets,
        abortTransfer: async (path) => aborted.push(path) > 0,
      },
    },
    { switchover: () => vms.source.signal('SIGSTOP') },
  );
  assert.equal(verdict.outcome, 'unknown', verdict.why);
  assert.equal(verdict.code, 'source-silent');
  assert.ok(!(await vms.destination.ticks()), 'the destination was started');
  vms.source.signal('SIGCONT');
  const both = await Promise.all([vms.source.ticks(), vms.destination.ticks()]);
  assert.ok(!(both[0] && both[1]), 'the guest runs twice');
  assert.deepEqual(aborted, [], 'there was no back end to tell');
});

test('the source killed in the switchover: the verdict says what is certain', async () => {
  await using vms = await pair();
  const verdict = await move(vms, {}, { switchover: () => vms.source.signal('SIGKILL') });
  if (verdict.outcome === 'moved') assert.ok(await vms.destination.ticks());
  else {
    assert.ok(['failed', 'unknown'].includes(verdict.outcome), verdict.why);
    assert.ok(!(await vms.destination.ticks()), 'an incomplete guest was started');
    if (verdict.outcome === 'failed') assert.equal(verdict.guestAt, 'nowhere');
  }
});

test('a guest that writes faster than the link carries does not converge', async () => {
  await using vms = await pair({ source: { program: 'dirty', mebibytes: 16 } });
  const verdict = await move(vms, { bandwidth: 102_400, downtimeMs: 1, timeoutS: 2 });
  assert.equal(verdict.outcome, 'rolled-back', verdict.why);
  assert.equal(verdict.code, 'did-not-converge');
  await assertAtSource(vms, verdict);
});

const REFUSALS: { what: string; id: string; source?: VmOptions; destination?: VmOptions }[] = [
  { what: 'a destination that runs a guest of its own', id: 'destination', destination: { incoming: '' } },
  { what: 'another machine type', id: 'machine', destination: { machine: 'pc-q35-9.2' } },
  { what: 'less memory', id: 'memory', destination: { mebibytes: 32 } },
  { what: 'another number of CPUs', id: 'cpus', destination: { args: ['-smp', '2'] } },
  { what: 'a missing device', id: 'devices', source: { args: ['-device', 'e1000,id=net'] } },
  {
    what: 'a device that cannot migrate',
    id: 'blockers',
    source: { args: ['-device', 'nvme,serial=1'] },
    destination: { args: ['-device', 'nvme,serial=1'] },
  },
];
for (const { what, id, source, destination } of REFUSALS) {
  test(`${what} is refused by name, and nothing is touched`, async () => {
    await using yard = await Yard.open();
    const { incoming, ...rest } = { incoming: 'defer', ...destination };
    const here = await yard.start('source', await qemu('10.0'), { ...source });
    const there = await yard.start('destination', await qemu('10.0'), {
      ...rest,
      ...(incoming === '' ? {} : { incoming }),
    });
    const verdict = await migrate({ source: here.qmp, destination: there.qmp });
    assert.equal(verdict.outcome, 'refused', verdict.why);
    assert.ok(
      verdict.findings.some((finding) => finding.id === id && finding.verdict === 'refuse'),
      verdict.why,
    );
    assert.ok(verdict.nextSteps.length > 0);
    assert.deepEqual([await here.capabilities(), await there.capabilities()], [[], []]);
    assert.ok(await here.ticks());
  });
}

test('what the destination cannot load is warned of, and told in its own words when it fails; the guest goes on', async () => {
  const rng = { args: ['-device', 'virtio-rng-pci,id=rng0'] };
  await using vms = await pair({ from: '10.0', to: '11.1', source: rng, destination: rng });
  const verdict = await move(vms);
  const warned = verdict.findings.find(({ id }) => id === 'queue-sizes');
  assert.equal(warned?.verdict, 'warn');
  assert.match(warned.found, /rng0 \(virtio-rng-pci\) with queues of 1024/);
  assert.equal(verdict.outcome, 'rolled-back', verdict.why);
  // The source says what it notices first: the word on the return path, or that nobody reads any more
  assert.match(verdict.why, /virtio-rng.*(Sibling indicated error|Broken pipe|Connection reset)/);
  await assertAtSource(vms, verdict);
});

for (const [from, to] of [
  ['10.0', '11.1'],
  ['11.1', '10.0'],
] as const) {
  test(`a machine with virtiofsd moves from QEMU ${from} to ${to}`, async () => {
    await using here = await shareFolder();
    await using there = await shareFolder();
    const device = (socket: string) => [
      ...['-chardev', `socket,id=fs,path=${socket}`],
      ...['-device', 'vhost-user-fs-pci,id=fs0,chardev=fs,tag=share,queue-size=1024'],
    ];
    await using vms = await pair({
      from,
      to,
      source: { args: device(here.socket) },
      destination: { args: device(there.socket) },
    });
    const verdict = await move(vms);
    assert.equal(verdict.outcome, 'moved', verdict.why);
    assert.ok(await vms.destination.ticks());
    assert.match(verdict.findings.find(({ id }) => id === 'shared-memory')?.found ?? '', /shared, for fs0/);
  });
}

test('source and destination must be two QEMUs', async () => {
  await using yard = await Yard.open();
  const vm = await yard.start('vm', await qemu('11.1'));
  const same = await migrate({ source: vm.qmp, destination: `unix:${vm.qmp}`, timings: QUICK });
  assert.equal(same.outcome, 'refused', same.why);
  assert.ok(await vm.ticks());
});

interface Ran {
  readonly code: number | null;
  readonly lines: Record<string, unknown>[];
  readonly said: string;
}

async function ferry(
  args: readonly string[],
  onLine: (line: Record<string, unknown>, kill: (name: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Ran> {
  const child = spawn(FERRY, ['migrate', ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = text(child.stderr);
  const lines: Record<string, unknown>[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    rest += chunk;
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const line = JSON.parse(part) as Record<string, unknown>;
      lines.push(line);
      onLine(line, (name) => child.kill(name));
    }
  });
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(rest, '', 'the last line has no end');
  return { code, lines, said: await said };
}

test('ferry migrate: a dry run touches nothing, then the move; exit codes and the result line', async () => {
  await using vms = await pair({ from: '10.0', to: '11.1' });
  const where = ['--qmp', vms.source.qmp, '--to-qmp', vms.destination.qmp];
  const dry = await ferry([...where, '--dry-run', '--bandwidth', '1G']);
  assert.equal(dry.code, 0, dry.said);
  assert.equal(dry.lines.at(-1)?.outcome, 'planned');
  assert.ok(dry.lines.some(({ type }) => type === 'plan'));
  assert.deepEqual([await vms.source.capabilities(), await vms.destination.capabilities()], [[], []]);
  const ran = await ferry([...where, '--downtime', '500', '--timeout', '1m']);
  assert.equal(ran.code, 0, ran.said);
  assert.deepEqual(
    ran.lines.filter(({ type }) => type === 'phase').map(({ phase }) => phase),
    ['connect', 'check', 'prepare', 'pre-copy', 'switchover', 'commit', 'ended'],
  );
  const { type, ok, outcome, guestAt } = ran.lines.at(-1) ?? {};
  assert.deepEqual(
    { type, ok, outcome, guestAt },
    { type: 'result', ok: true, outcome: 'moved', guestAt: 'destination' },
  );
  assert.ok(await vms.destination.ticks());
  const again = await ferry(where);
  assert.equal(again.code, 3, again.said);
});

test('ferry migrate: Ctrl-C in pre-copy exits with 4 and the guest runs at the source', async () => {
  await using vms = await pair({ source: NOISY });
  const ran = await ferry(
    ['--qmp', vms.source.qmp, '--to-qmp', vms.destination.qmp, '--bandwidth', '2M'],
    atFirst('progress', (kill) => kill('SIGINT')),
  );
  assert.equal(ran.code, 4, ran.said);
  assert.equal(ran.lines.at(-1)?.outcome, 'cancelled');
  assert.match(ran.said, /SIGINT: cancelling/);
  assert.ok(await vms.source.ticks());
});

test('ferry migrate: a second Ctrl-C ends a cancellation that gets no answer, and says what that leaves', async () => {
  await using vms = await pair({ source: NOISY });
  const ran = await ferry(
    ['--qmp', vms.source.qmp, '--to-qmp', vms.destination.qmp, '--bandwidth', '2M'],
    atFirst('progress', (kill) => {
      vms.source.signal('SIGSTOP');
      kill('SIGINT');
      setTimeout(() => kill('SIGTERM'), 200);
    }),
  );
  assert.equal(ran.code, 5, ran.said);
  const result = ran.lines.at(-1);
  assert.equal(result?.code, 'forced');
  assert.match(JSON.stringify(result?.nextSteps), /migrate_cancel/);
  assert.ok(!(await vms.destination.ticks(100)));
});

/** Do something at the first line of that type. */
function atFirst(
  type: string,
  act: (kill: (name: NodeJS.Signals) => void) => void,
): (line: Record<string, unknown>, kill: (name: NodeJS.Signals) => void) => void {
  let done = false;
  return (line, kill) => {
    if (done || line.type !== type) return;
    done = true;
    act(kill);
  };
}
