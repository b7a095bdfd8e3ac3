/** Our front end drives passt: frames either way, its state taken to a second passt, and what becomes of the first. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { choosePeer, type LaunchedProcess, launchProcess, waitForSocket } from '../../src/launch/index.ts';
import {
  arpAnswer,
  arpRequest,
  dhcpDiscover,
  dhcpOffer,
  type Host,
  NetSession,
} from '../../src/machine/index.ts';
import { testPeers } from '../guest/index.ts';

const GUEST: Host = { mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56], address: [192, 0, 2, 100] };
const GATEWAY = [192, 0, 2, 1];
/** Each passt has a MAC address of its own, which tells who has answered. */
const FIRST = [0x9a, 0x55, 0, 0, 0, 1];
const SECOND = [0x9a, 0x55, 0, 0, 0, 2];

let folder: string;
const stack = new AsyncDisposableStack();
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-net-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
});
after(() => stack.disposeAsync());

interface Passt extends AsyncDisposable {
  readonly socket: string;
  readonly process: LaunchedProcess;
}

async function launchPasst(mac: readonly number[]): Promise<Passt> {
  const peer = choosePeer(await testPeers(), 'passt');
  const hex = mac.map((byte) => byte.toString(16).padStart(2, '0'));
  const socket = join(folder, `${hex.join('')}.sock`);
  const process = await launchProcess({
    name: 'passt',
    command: [
      ...peer.command,
      ...['--vhost-user', '--foreground', '--socket', socket, '--repair-path', 'none'],
      ...['--tcp-ports', 'none', '--udp-ports', 'none', '--mac-addr', hex.join(':')],
      ...['--ipv4-only', '--address', '192.0.2.100', '--netmask', '24', '--gateway', '192.0.2.1'],
    ],
    env: peer.env,
  });
  const end = async () => {
    await process[Symbol.asyncDispose]();
    await rm(socket, { force: true });
  };
  try {
    await waitForSocket(socket, { child: process });
    return { socket, process, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Who says that it is the gateway. */
function gateway(net: NetSession): readonly number[] | undefined {
  net.send(arpRequest(GUEST, GATEWAY));
  return arpAnswer(net.receiveWhere((frame) => arpAnswer(frame) !== undefined))?.mac;
}

it('answers ARP and DHCP; its state goes to a second one, and the first is gone', async () => {
  await using first = await launchPasst(FIRST);
  await using second = await launchPasst(SECOND);
  using net = new NetSession();
  net.connect(first.socket);
  assert.equal(net.frontEnd.memorySlots, undefined);
  assert.deepEqual(gateway(net), FIRST);
  net.send(dhcpDiscover(GUEST.mac));
  const offered = net.receiveWhere((frame) => dhcpOffer(frame) !== undefined);
  assert.deepEqual(dhcpOffer(offered), GUEST.address);
  for (let turn = 0; turn < 100; turn++) assert.deepEqual(gateway(net), FIRST);

  const target = net.prepareBackEnd(second.socket);
  net.frontEnd.startLogging();
  assert.deepEqual(gateway(net), FIRST);
  assert.ok(
    net.frontEnd.collectDirty().some((byte) => byte !== 0),
    'a received frame is marked as dirty',
  );
  net.stop();
  const state: Uint8Array[] = [];
  assert.equal(
    net.frontEnd.saveState((piece) => void state.push(piece.slice())),
    62,
  );
  // It gives up the guest before anybody knows whether the destination took it
  assert.deepEqual(await first.process.exited, { code: 0, signal: null });
  assert.throws(() => net.start(), { code: 'ERR_DISCONNECTED' });

  net.adopt(target);
  net.frontEnd.loadState(state);
  net.start();
  for (let turn = 0; turn < 100; turn++) assert.deepEqual(gateway(net), SECOND);
});

it('refuses a state that it cannot read, with the reason as an error number', async () => {
  for (const [state, errno] of [
    [new Uint8Array(62), 22],
    [new Uint8Array(3), 61],
  ] as const) {
    await using passt = await launchPasst(FIRST);
    using net = new NetSession();
    net.adopt(net.prepareBackEnd(passt.socket));
    assert.throws(() => net.frontEnd.loadState([state]), {
      code: 'ERR_STATE_REFUSED',
      message: new RegExp(`\\(${errno}\\)`),
    });
  }
});
