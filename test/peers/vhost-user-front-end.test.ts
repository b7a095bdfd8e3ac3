/** Our front end drives real back ends over real sockets: virtiofsd, and `ferry serve fs` in a process of its own. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FuseClient } from '../../src/fuse/index.ts';
import { choosePeer } from '../../src/launch/index.ts';
import { FuseSession } from '../../src/machine/index.ts';
import { FrontEnd, ProtocolFeature } from '../../src/vhost-user/index.ts';
import { launchFerry, launchVirtiofsd, testPeers } from '../guest/index.ts';

/** Two back ends that can hand a state from one to the other. */
interface Pair extends AsyncDisposable {
  readonly first: string;
  readonly second: string;
}

async function virtiofsdPair(): Promise<Pair> {
  const scratch = await mkdtemp(join(tmpdir(), 'ferry-front-'));
  const folder = join(scratch, 'shared');
  await mkdir(folder);
  const virtiofsd = choosePeer(await testPeers(), 'virtiofsd');
  const stack = new AsyncDisposableStack();
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  const [first, second] = [join(scratch, 'first.sock'), join(scratch, 'second.sock')];
  for (const socket of [first, second]) stack.use(await launchVirtiofsd({ virtiofsd, socket, folder }));
  return { first, second, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function ferryPair(...further: string[]): Promise<Pair> {
  const stack = new AsyncDisposableStack();
  const first = stack.use(await launchFerry({ memory: '64M', further }));
  const second = stack.use(await launchFerry({ memory: '64M', further }));
  return { first: first.socket, second: second.socket, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const ROOT = 1;
const CONTENT = new TextEncoder().encode('written before the move');

/** A guest with one open file. */
function begin(session: FuseSession, path: string): { client: FuseClient; node: number; handle: number } {
  session.adopt(session.prepareBackEnd(path));
  session.start();
  const client = new FuseClient(session.transport);
  client.init();
  const { entry, handle } = client.create(ROOT, 'file', 0o2, 0o600);
  client.write(entry.node, handle, 0, CONTENT);
  return { client, node: entry.node, handle };
}

/** Pages with a set bit. */
function dirtyPages(log: Uint8Array): number[] {
  return [...log.keys()].flatMap((byte) =>
    [...Array(8).keys()].filter((bit) => (log[byte]! & (1 << bit)) !== 0).map((bit) => byte * 8 + bit),
  );
}

const BACK_ENDS: [name: string, open: () => Promise<Pair>][] = [
  ['virtiofsd', virtiofsdPair],
  ['ferry serve fs', () => ferryPair()],
  ['ferry serve fs with its own channel', () => ferryPair('--state-channel', 'own')],
];

for (const [name, open] of BACK_ENDS)
  describe(name, () => {
    it('offers what a migration needs', async () => {
      await using pair = await open();
      using frontEnd = FrontEnd.connect(pair.first);
      for (const feature of ['MQ', 'LOG_SHMFD', 'REPLY_ACK', 'CONFIGURE_MEM_SLOTS', 'DEVICE_STATE'] as const)
        assert.ok((frontEnd.protocolFeatures & ProtocolFeature[feature]) !== 0n, feature);
      assert.ok(frontEnd.maxQueues !== undefined && frontEnd.maxQueues >= 2);
      assert.equal(frontEnd.memorySlots, 509);
    });

    for (const indirect of [true, false])
      it(`marks what it writes as dirty, ${indirect ? 'indirect' : 'direct'} descriptors`, async () => {
        await using pair = await open();
        using session = new FuseSession({ indirect });
        const { client, node, handle } = begin(session, pair.first);
        session.frontEnd.startLogging();
        session.frontEnd.collectDirty();
        assert.deepEqual(client.read(node, handle, 0, CONTENT.length), CONTENT);
        const reply = session.reply(0).byteOffset - session.ram.bytes.byteOffset + session.ram.guestAddress;
        const log = session.frontEnd.collectDirty();
        assert.ok(dirtyPages(log).includes(Math.floor(reply / 4096)), 'the page of the reply');
        assert.ok(dirtyPages(log).length >= 2, 'the page of the used ring, too');
        session.frontEnd.stopLogging();
        assert.deepEqual(client.read(node, handle, 0, CONTENT.length), CONTENT);
      });

    it('goes on after a stop, and after a save that nobody took', async () => {
      await using pair = await open();
      using session = new FuseSession();
      const { client, node, handle } = begin(session, pair.first);
      for (let turn = 0; turn < 20; turn++) {
        session.stop();
        if (turn % 5 === 0) assert.ok(session.frontEnd.saveState(() => undefined) > 0);
        session.start();
        assert.deepEqual(client.read(node, handle, 0, 100), CONTENT);
      }
    });

    for (const via of ['pipe', 'socketpair'] as const)
      it(`hands its state to a second one through a ${via}; open files stay open`, async () => {
        await using pair = await open();
        using session = new FuseSession();
        const { client, node, handle } = begin(session, pair.first);
        const pieces: Uint8Array[] = [];
        session.stop();
        const saved = session.frontEnd.saveState((piece) => pieces.push(piece.slice()), { via });
        assert.equal(saved, Buffer.concat(pieces).length);
        session.adopt(session.prepareBackEnd(pair.second));
        session.frontEnd.loadState(pieces, { via });
        session.start();
        assert.deepEqual(client.read(node, handle, 0, 100), CONTENT);
        assert.equal(client.write(node, handle, 0, new TextEncoder().encode('WRITTEN')), 7);
        assert.equal(client.lookup(ROOT, 'file').node, node);
      });

    it('refuses a state that is cut off', async () => {
      await using pair = await open();
      using session = new FuseSession();
      begin(session, pair.first);
      session.stop();
      const pieces: Uint8Array[] = [];
      session.frontEnd.saveState((piece) => pieces.push(piece.slice()));
      const state = new Uint8Array(Buffer.concat(pieces));
      session.adopt(session.prepareBackEnd(pair.second));
      const cut = [state.subarray(0, state.length - 5)];
      assert.throws(() => session.frontEnd.loadState(cut), { code: 'ERR_STATE_REFUSED' });
    });
  });

describe('ferry serve fs alone', () => {
  it('takes a state back that it once gave away, and again', async () => {
    await using pair = await ferryPair();
    using session = new FuseSession();
    const { client, node, handle } = begin(session, pair.first);
    for (const path of [pair.second, pair.first, pair.second]) {
      const pieces: Uint8Array[] = [];
      session.frontEnd.startLogging();
      session.stop();
      session.frontEnd.saveState((piece) => pieces.push(piece.slice()));
      session.adopt(session.prepareBackEnd(path));
      session.frontEnd.loadState(pieces);
      session.start();
      assert.deepEqual(client.read(node, handle, 0, 100), CONTENT);
    }
  });

  it('gives up saving when the front end does, and lives on', async () => {
    await using pair = await ferryPair();
    using session = new FuseSession();
    const { client, node, handle } = begin(session, pair.first);
    session.stop();
    assert.throws(() => session.frontEnd.saveState(() => undefined, { limit: 10 }), {
      code: 'ERR_STATE_TOO_LARGE',
    });
    session.start();
    assert.deepEqual(client.read(node, handle, 0, 100), CONTENT);
  });
});
