/** Our front end drives real back ends over real sockets: virtiofsd, and `ferry serve fs` in a process of its own. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FuseClient } from '../../src/fuse/index.ts';
import { choosePeer } from '../../src/launch/index.ts';
import { FuseSession } from '../../src/machine/index.ts';
import { FrontEnd, ProtocolFeature, type TransferOptions } from '../../src/vhost-user/index.ts';
import { launchFerry, launchVirtiofsd, testPeers } from '../guest/index.ts';

/** Two back ends that can hand a state from one to the other. */
interface Pair extends AsyncDisposable {
  /** What both share, where they share a folder. */
  readonly folder: string;
  readonly first: string;
  readonly second: string;
}

async function virtiofsdPair(shared?: string): Promise<Pair> {
  const virtiofsd = choosePeer(await testPeers(), 'virtiofsd');
  await using stack = new AsyncDisposableStack();
  const scratch = await mkdtemp(join(tmpdir(), 'ferry-front-'));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  const folder = shared ?? join(scratch, 'shared');
  if (shared === undefined) await mkdir(folder);
  const [first, second] = [join(scratch, 'first.sock'), join(scratch, 'second.sock')];
  for (const socket of [first, second]) stack.use(await launchVirtiofsd({ virtiofsd, socket, folder }));
  const whole = stack.move();
  return { folder, first, second, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

async function ferryPair(...further: string[]): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const first = stack.use(await launchFerry({ memory: '64M', further }));
  const second = stack.use(await launchFerry({ memory: '64M', further }));
  const whole = stack.move();
  return {
    folder: '',
    first: first.socket,
    second: second.socket,
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

const ROOT = 1;
const CONTENT = new TextEncoder().encode('written before the move');

let guests = 0;

/** A guest with one open file, of a name that no other guest has used. */
function begin(session: FuseSession, path: string) {
  session.adopt(session.prepareBackEnd(path));
  session.start();
  const client = new FuseClient(session.transport);
  client.init();
  const name = `file-of-guest-${guests++}`;
  const { entry, handle } = client.create(ROOT, name, 0o2, 0o600);
  client.write(entry.node, handle, 0, CONTENT);
  return { client, name, node: entry.node, handle };
}

/** Pages with a set bit. */
function dirtyPages(log: Uint8Array): number[] {
  return [...log.keys()].flatMap((byte) =>
    [...Array(8).keys()].filter((bit) => (log[byte]! & (1 << bit)) !== 0).map((bit) => byte * 8 + bit),
  );
}

/** Save what `session`'s back end holds, which is suspended. */
function saved(session: FuseSession, options?: TransferOptions): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  session.frontEnd.saveState((piece) => void pieces.push(piece.slice()), options);
  return pieces;
}

const all = new AsyncDisposableStack();
after(() => all.disposeAsync());
let ferry: Promise<Pair> | undefined;

/** One pair for all tests: it serves one guest after another. */
async function sharedFerryPair(): Promise<Pair> {
  ferry ??= ferryPair().then((pair) => all.use(pair));
  const { folder, first, second } = await ferry;
  return { folder, first, second, [Symbol.asyncDispose]: async () => undefined };
}

const BACK_ENDS: [name: string, open: () => Promise<Pair>][] = [
  ['virtiofsd', virtiofsdPair],
  ['ferry serve fs', sharedFerryPair],
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
        const { client, name, node, handle } = begin(session, pair.first);
        const pieces: Uint8Array[] = [];
        session.stop();
        const saved = session.frontEnd.saveState((piece) => pieces.push(piece.slice()), { via });
        assert.equal(saved, Buffer.concat(pieces).length);
        session.adopt(session.prepareBackEnd(pair.second));
        session.frontEnd.loadState(pieces, { via });
        session.start();
        assert.deepEqual(client.read(node, handle, 0, 100), CONTENT);
        assert.equal(client.write(node, handle, 0, new TextEncoder().encode('WRITTEN')), 7);
        assert.equal(client.lookup(ROOT, name).node, node);
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

describe('virtiofsd alone', () => {
  it('starts again after a save that failed, and is called again', async () => {
    await using pair = await virtiofsdPair();
    using session = new FuseSession();
    const { client, node, handle } = begin(session, pair.first);
    session.frontEnd.startLogging();
    for (const via of ['pipe', 'socketpair'] as const) {
      session.stop();
      assert.throws(() => saved(session, { via, limit: 10 }), { code: 'ERR_STATE_TOO_LARGE' });
      session.start();
      assert.deepEqual(client.read(node, handle, 0, 100), CONTENT);
    }
    session.frontEnd.stopLogging();
    session.stop();
    const state = saved(session);
    session.adopt(session.prepareBackEnd(pair.second));
    session.frontEnd.loadState(state);
    session.start();
    assert.deepEqual(client.read(node, handle, 0, 100), CONTENT);
  });

  it('saves a device that never started, for another that goes on to work', async () => {
    await using pair = await virtiofsdPair();
    using session = new FuseSession();
    session.adopt(session.prepareBackEnd(pair.first));
    const state = saved(session);
    session.adopt(session.prepareBackEnd(pair.second));
    session.frontEnd.loadState(state);
    session.start();
    const client = new FuseClient(session.transport);
    client.init();
    assert.equal(client.lookup(ROOT, '.').node, ROOT);
  });

  it('keeps handles, names and offsets of many files through two moves', async () => {
    await using pair = await virtiofsdPair();
    await using another = await virtiofsdPair(pair.folder);
    using session = new FuseSession({ depth: 4 });
    const { client } = begin(session, pair.first);
    const files = Array.from({ length: 200 }, (_, i) => {
      const { entry, handle } = client.create(ROOT, `file-${i}`, 0o2, 0o600);
      client.write(entry.node, handle, i, new TextEncoder().encode(`content of ${i}`));
      return { node: entry.node, handle };
    });
    for (const next of [pair.second, another.first]) {
      session.stop();
      const state = saved(session);
      session.adopt(session.prepareBackEnd(next));
      session.frontEnd.loadState(state);
      session.start();
      for (const [i, { node, handle }] of files.entries()) {
        assert.equal(new TextDecoder().decode(client.read(node, handle, i, 100)), `content of ${i}`);
        assert.equal(client.lookup(ROOT, `file-${i}`).node, node);
      }
    }
  });

  it('refuses features that it did not offer, and says so', async () => {
    await using pair = await virtiofsdPair();
    using frontEnd = FrontEnd.connect(pair.first);
    assert.throws(() => frontEnd.step.setFeatures(1n << 50n), { code: 'ERR_REFUSED' });
    assert.throws(() => frontEnd.ping(), { code: 'ERR_DISCONNECTED' });
  });
});

describe('ferry serve fs alone', () => {
  it('hands its state over through a channel of its own, packed rings and several queues with it', async () => {
    await using pair = await ferryPair('--state-channel', 'own', '--queues', '3');
    using session = new FuseSession({ packed: true, queues: 3 });
    const { client, node, handle } = begin(session, pair.first);
    session.stop();
    const state = saved(session);
    session.adopt(session.prepareBackEnd(pair.second));
    session.frontEnd.loadState(state);
    session.start();
    assert.deepEqual(client.read(node, handle, 0, 100), CONTENT);
    for (const queue of [2, 1])
      assert.deepEqual(new FuseClient(session.transportOn(queue)).read(node, handle, 0, 100), CONTENT);
  });

  it('has kept everything when its front end comes back', async () => {
    await using pair = await sharedFerryPair();
    for (const packed of [false, true]) {
      using session = new FuseSession({ packed });
      const { client, node, handle } = begin(session, pair.first);
      for (let turn = 0; turn < 5; turn++) {
        session.reconnect(pair.first);
        assert.deepEqual(client.read(node, handle, 0, 100), CONTENT);
      }
    }
  });

  it('takes a state back that it once gave away, and again', async () => {
    await using pair = await sharedFerryPair();
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
    await using pair = await sharedFerryPair();
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
