/**
 * VMs whose network is passt's, moved by `ferry migrate`. The guest has no system: its driver runs outside, through qtest.
 * What is shown: QEMU takes passt's state along, the rings go on at the destination, and the second passt serves them.
 * What is not: a TCP connection that lives on, which takes passt-repair and its privilege.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  choosePeer,
  type LaunchedProcess,
  launchProcess,
  type Peer,
  waitForSocket,
} from '../../src/launch/index.ts';
import { migrate } from '../../src/migrate/index.ts';
import { testPeers } from '../guest/index.ts';
import { type PlainVm, Yard } from './plain-vm.ts';
import { NET_SLOT, NetDriver, Qtest } from './qtest-net.ts';

const SOURCE_MAC = '9a5500000001';
const DESTINATION_MAC = '9a5500000002';
const ANOTHER_MAC = '9a5500000003';
const GUEST = { mac: '525400123456', address: 'c0000264' };
const GATEWAY = 'c0000201';

const Feature = { logAll: 1n << 26n, version1: 1n << 32n };
const ProtocolFeature = { logMemory: 1n << 1n, deviceState: 1n << 19n };

interface Passt extends AsyncDisposable {
  readonly process: LaunchedProcess;
  /** What it has said, its front end's requests among it. */
  readonly lines: readonly string[];
  /** When it waits for what the guest sends. */
  readonly serving: Promise<void>;
}

/** Each passt has a MAC address of its own, which tells who has answered. */
async function launchPasst(peer: Peer, yard: Yard, name: string, mac: string): Promise<Passt> {
  const socket = join(yard.folder, `${name}.net`);
  const lines: string[] = [];
  const serving = Promise.withResolvers<void>();
  const process = await launchProcess({
    name: 'passt',
    command: [
      ...peer.command,
      ...['--vhost-user', '--foreground', '--debug', '--socket', socket, '--repair-path', 'none'],
      ...['--tcp-ports', 'none', '--udp-ports', 'none', '--mac-addr', mac.match(/../g)!.join(':')],
      ...['--ipv4-only', '--address', '192.0.2.100', '--netmask', '24', '--gateway', '192.0.2.1'],
    ],
    env: peer.env,
    onLine: (line) => {
      lines.push(line);
      if (line.includes('Waiting for kicks')) serving.resolve();
    },
  });
  await waitForSocket(socket, { child: process });
  return {
    process,
    lines,
    serving: serving.promise,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** The virtio and protocol features that passt was given, all that were set at any time. */
function negotiated({ lines }: Passt): { features: bigint; protocolFeatures: bigint } {
  const given = (request: string) =>
    lines.reduce((all, line, index) => {
      if (!line.includes(`VHOST_USER_${request} `)) return all;
      return all | BigInt(/u64: (0x[0-9a-f]+)/.exec(lines[index + 3] ?? '')?.[1] ?? 0);
    }, 0n);
  return { features: given('SET_FEATURES'), protocolFeatures: given('SET_PROTOCOL_FEATURES') };
}

/** The requests for a device state and what passt did about them, in order. */
function transfers({ lines }: Passt): string[] {
  return lines.flatMap((line) => {
    const request = /VHOST_USER_(\w+_DEVICE_STATE\w*)/.exec(line)?.[1];
    const side = /(\w+) side migration stage: transfer flows/.exec(line)?.[1];
    return request ?? side?.toLowerCase() ?? [];
  });
}

function net(yard: Yard, name: string): string[] {
  const at = (suffix: string) => join(yard.folder, `${name}.${suffix}`);
  return [
    ...['-chardev', `socket,id=passt,path=${at('net')},reconnect-ms=100`],
    ...['-netdev', 'vhost-user,id=net0,chardev=passt', '-device'],
    `virtio-net-pci,netdev=net0,id=nic,addr=${NET_SLOT},disable-legacy=on,romfile=,vectors=0,mac=52:54:00:12:34:56`,
    ...['-qtest', `unix:${at('qtest')},server=on,wait=off`, '-qtest-log', '/dev/null'],
  ];
}

/** Ask who has the gateway's address. The answer's sender: its MAC address. */
async function askForGateway(driver: NetDriver): Promise<string> {
  const question = `0001080006040001${GUEST.mac}${GUEST.address}000000000000${GATEWAY}`;
  await driver.send(Buffer.from(`ffffffffffff${GUEST.mac}0806${question}`, 'hex'));
  for (;;) {
    const frame = (await driver.receive()).toString('hex');
    const answer = /^525400123456.{12}08060001080006040002(.{12})c0000201/.exec(frame);
    if (answer !== null) return answer[1]!;
  }
}

interface Pair extends AsyncDisposable {
  readonly yard: Yard;
  readonly source: PlainVm;
  readonly destination: PlainVm;
  readonly passts: { readonly source: Passt; readonly destination: Passt };
  /** The guest's driver, at the source. */
  readonly driver: NetDriver;
  /** What the driver moves to. */
  readonly there: Qtest;
  passt(mac: string): Promise<Passt>;
}

/** Two QEMUs with a passt each, the guest's driver at the first one, having heard of its passt. */
async function pair(from: string, to: string): Promise<Pair> {
  const peers = await testPeers();
  const qemu = (version: string) => choosePeer(peers, 'qemu-system-x86_64', { version });
  await using stack = new AsyncDisposableStack();
  const yard = stack.use(await Yard.open());
  const launch = async (name: string, mac: string) =>
    stack.use(await launchPasst(choosePeer(peers, 'passt'), yard, name, mac));
  const passts = {
    source: await launch('source', SOURCE_MAC),
    destination: await launch('destination', DESTINATION_MAC),
  };
  const source = await yard.start('source', qemu(from), { args: net(yard, 'source') });
  const args = net(yard, 'destination');
  const destination = await yard.start('destination', qemu(to), { incoming: 'defer', args });
  const here = stack.use(await Qtest.connect(join(yard.folder, 'source.qtest')));
  const there = stack.use(await Qtest.connect(join(yard.folder, 'destination.qtest')));
  const driver = await NetDriver.start(here);
  assert.equal(await askForGateway(driver), SOURCE_MAC);
  const all = stack.move();
  return {
    ...{ yard, source, destination, passts, driver, there },
    passt: async (mac) => all.use(await launchPasst(choosePeer(peers, 'passt'), yard, 'source', mac)),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

for (const [from, to] of [
  ['10.0', '10.0'],
  ['11.1', '11.1'],
  ['11.1', '10.0'],
] as const)
  test(`a VM of passt's moves from QEMU ${from} to ${to}, and the other passt serves it`, async (t) => {
    await using vms = await pair(from, to);
    const { source, destination, passts } = vms;
    const verdict = await migrate({ source: source.qmp, destination: destination.qmp });
    assert.equal(verdict.outcome, 'moved', verdict.why);
    assert.ok(await destination.ticks(), 'the guest does not run at the destination');
    assert.ok(!(await source.ticks()), 'the guest still runs at the source');
    const moved = vms.driver.movedTo(vms.there);
    // More than the ring has entries: used ones come round, and what was offered at the source is used as well
    for (let count = 0; count < 20; count++) assert.equal(await askForGateway(moved), DESTINATION_MAC);

    for (const passt of Object.values(passts)) {
      const { features, protocolFeatures } = negotiated(passt);
      assert.equal(features & Feature.version1, Feature.version1);
      for (const needed of [ProtocolFeature.logMemory, ProtocolFeature.deviceState])
        assert.equal(protocolFeatures & needed, needed);
    }
    assert.ok(negotiated(passts.source).features & Feature.logAll, 'passt never logged its writes');
    assert.deepEqual(transfers(passts.source), ['SET_DEVICE_STATE_FD', 'source', 'CHECK_DEVICE_STATE']);
    assert.deepEqual(transfers(passts.destination), ['SET_DEVICE_STATE_FD', 'target', 'CHECK_DEVICE_STATE']);
    t.diagnostic(`pause ${verdict.downtimeMs} ms (QEMU ${verdict.qemuDowntimeMs} ms)`);
  });

test('after a move that failed the guest is at the source without its passt, until another is started', {
  timeout: 60_000,
}, async () => {
  // QEMU 11.1 does not load a virtio-net device of QEMU 10.0, which gives its control queue 1024 entries instead of 64
  await using vms = await pair('10.0', '11.1');
  const { source, destination, passts } = vms;
  const verdict = await migrate({ source: source.qmp, destination: destination.qmp });
  assert.equal(verdict.outcome, 'rolled-back', verdict.why);
  assert.ok(verdict.findings.some(({ id, verdict: said }) => id === 'queue-sizes' && said === 'warn'));
  assert.ok(await source.ticks(), 'the guest does not run at the source');
  // It has given its state away, and takes that for the end
  assert.equal((await passts.source.process.ended(10_000)).code, 0);
  assert.match(verdict.nextSteps[0] ?? '', /lost what was behind passt \(.*source\.net\)/);
  const another = await vms.passt(ANOTHER_MAC);
  await another.serving;
  assert.equal(await askForGateway(vms.driver), ANOTHER_MAC);
});
