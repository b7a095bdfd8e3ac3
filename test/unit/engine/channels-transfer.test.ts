/** A kind of payload that channels know nothing of, over every transport, with barriers in between. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  Channels,
  collectConnections,
  connect,
  listen,
  openChannel,
  parseEndpoint,
} from '../../../src/engine/channels/index.ts';
import { TlsContext } from '../../../src/sys/index.ts';
import { Authority } from '../../support/engine/certificates.ts';
import { type Certificates, connectEnds, uuid } from '../../support/engine/channel-ends.ts';
import { Parcels } from '../../support/engine/parcels.ts';

const patience = { deadline: 20_000 };
let folder: string;
let tls: Certificates;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-channels-'));
  const authority = new Authority(folder, 'ca');
  tls = {
    sender: new TlsContext(authority.issue('sender', ['sender.test'])),
    receiver: new TlsContext(authority.issue('receiver', ['127.0.0.1'])),
  };
});
after(() => {
  for (const context of Object.values(tls)) context[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

interface Passage {
  readonly uri: string;
  readonly channels: number;
  readonly checksum: boolean;
  /** How many parcels each producer offers between two barriers. */
  readonly passes: readonly number[];
  readonly order?: readonly number[];
  /** Bytes of the longest parcel. */
  readonly most?: number;
}

/** One ordered kind that writes barriers, and one that is not ordered. */
function someKinds(most = 5000) {
  const parcels = new Parcels({ most });
  const letters = new Parcels({ name: 'letters', flag: 0x10, ordered: false, weight: 2, barriers: false });
  return { parcels, letters, kinds: [parcels.kind, letters.kind] };
}

async function carry({ uri, channels, checksum, passes, order, most }: Passage): Promise<void> {
  const { parcels, letters, kinds } = someKinds(most);
  const endpoint = parseEndpoint(uri);
  const { extended } = endpoint;
  const secure = endpoint.tls ? tls : undefined;
  await using ends = await connectEnds(endpoint, channels, { tls: secure, ...(order && { order }) });
  const common = { kinds, extended, checksum };
  await using receiver = await Channels.start({
    ...common,
    direction: 'receive',
    connections: ends.receiving,
  });
  await using sender = await Channels.start({ ...common, direction: 'send', connections: ends.sending });
  assert.deepEqual(sender.kinds, ['parcels', 'letters']);
  for (const [pass, count] of passes.entries()) {
    parcels.setEpoch(pass);
    for (let producer = 0; producer < 3; producer++) {
      parcels.offer(producer, count);
      letters.offer(producer, 3);
    }
    sender.bell.ring();
    const barrier = sender.postBarrier();
    assert.equal(barrier, pass + 1);
    await Promise.all([sender.barrierWritten(barrier, patience), receiver.barrierReached(barrier, patience)]);
    // All that belongs before the barrier came before it
    assert.deepEqual(parcels.wrong, []);
    receiver.releaseBarrier(barrier);
  }
  for (let producer = 0; producer < 3; producer++) letters.offer(producer, 10);
  sender.bell.ring();
  await Promise.all([sender.finish(patience), receiver.finish(patience)]);
  await Promise.all([sender.ended, receiver.ended]);
  assert.deepEqual([...parcels.wrong, ...letters.wrong], []);
  checkCounters(sender, receiver, { channels, passes, parcels: parcels.came, letters: letters.came });
}

function checkCounters(
  sender: Channels,
  receiver: Channels,
  expected: { channels: number; passes: readonly number[]; parcels: number; letters: number },
): void {
  let letters = 0;
  let packets = 0;
  for (let id = 0; id < expected.channels; id++) {
    const [out, into] = [sender.counters(id), receiver.counters(id)];
    assert.deepEqual(
      { bytes: into.bytes, packets: into.packets, byKind: into.byKind },
      { bytes: out.bytes, packets: out.packets, byKind: out.byKind },
    );
    assert.equal(out.packets, out.byKind.parcels!.packets + out.byKind.letters!.packets);
    letters += out.byKind.letters!.packets;
    packets += out.packets;
    assert.equal(sender.barrierOf(id), expected.passes.length);
  }
  assert.equal(letters, expected.letters);
  assert.equal(packets, expected.parcels + expected.letters + expected.channels * expected.passes.length);
}

/** Not every machine has IPv6, not even to itself. */
const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

const table: readonly Passage[] = [
  { uri: 'unix:UNIX', channels: 16, checksum: false, passes: [3, 0, 0, 1, 11, 2, 0] },
  { uri: 'ferry+unix:UNIX', channels: 4, checksum: true, passes: [1, 0, 7, 7, 1, 1, 1] },
  { uri: 'tcp:127.0.0.1:0', channels: 4, checksum: false, passes: [20, 0, 5], order: [2, 0, 3, 1] },
  { uri: 'tcp:localhost:0', channels: 1, checksum: false, passes: [0, 5] },
  { uri: `ferry+tcp:${hasIPv6 ? '[::1]' : '127.0.0.1'}:0`, channels: 1, checksum: true, passes: [10] },
  { uri: 'tls:127.0.0.1:0', channels: 4, checksum: false, passes: [20, 0, 5], most: 100_000 },
  { uri: 'ferry+tls:127.0.0.1:0', channels: 1, checksum: true, passes: [4, 4] },
];

for (const passage of table) {
  const { uri, channels, checksum, passes } = passage;
  const what = `${uri}, ${channels} channels, ${passes.length} barriers${checksum ? ', checksums' : ''}`;
  test(`every parcel comes once and on its side of each barrier over ${what}`, () =>
    carry({ ...passage, uri: uri.replace('UNIX', join(folder, 's')) }));
}

test('what is sent to a folder is read from it later: the same bytes as on a socket', async () => {
  const { parcels, letters, kinds } = someKinds();
  const endpoint = parseEndpoint(`file:${join(folder, 'kept')}`);
  const channels = 3;
  const common = { kinds, extended: false, checksum: false };
  const main = await connect(endpoint, 'main');
  const stream = main.stream('send');
  stream.end('QEVM and so on');
  await new Promise((resolve) => stream.once('close', resolve));
  const sending = [];
  for (let id = 0; id < channels; id++) {
    const connection = await connect(endpoint, id);
    await openChannel(connection, { id, channels, uuid, extended: false });
    sending.push(connection);
  }
  await assert.rejects(connect(endpoint, 0), { code: 'EEXIST' });
  await using sender = await Channels.start({ ...common, direction: 'send', connections: sending });
  for (let producer = 0; producer < 3; producer++) parcels.offer(producer, 7);
  for (let producer = 0; producer < 3; producer++) letters.offer(producer, 2);
  await sender.barrierWritten(sender.postBarrier(), patience);
  await sender.finish(patience);
  assert.equal(readFileSync(join(folder, 'kept/channel-001')).readUInt8(24), 1);
  assert.equal(statSync(join(folder, 'kept/channel-002')).size, 64 + sender.counters(2).bytes);

  await using listener = await listen(endpoint);
  const all = await collectConnections(listener, { uuid, channels, extended: false }, patience);
  await using _main = all.main;
  await using receiver = await Channels.start({ ...common, direction: 'receive', connections: all.channels });
  await receiver.barrierReached(1, patience);
  receiver.releaseBarrier(1);
  await receiver.finish(patience);
  assert.deepEqual([...parcels.wrong, ...letters.wrong], []);
  const read: Buffer[] = [];
  for await (const chunk of all.main.stream('receive')) read.push(chunk as Buffer);
  assert.equal(Buffer.concat(read).toString(), 'QEVM and so on');
});
