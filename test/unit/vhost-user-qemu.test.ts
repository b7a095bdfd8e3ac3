/** What QEMU 10.0 and 11.1 said to a back end (`tools/capture/qemu.ts`), said again: the session answers as it did then. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import {
  closeAll,
  createEventfd,
  createPipe,
  createSocketPair,
  type Fd,
  liveResources,
} from '../../src/sys/index.ts';
import { FakeBackEnd, LOG_ALL, SessionRig, sealedMemfd } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

interface Message {
  readonly from: 'front-end' | 'back-end';
  readonly name: string;
  readonly id: number;
  readonly flags: number;
  readonly payload: string;
  readonly fds: readonly ('eventfd' | 'memfd' | 'pipe' | 'socket')[];
}

function vector(name: string): Message[] {
  const text = readFileSync(new URL(`../vectors/vhost-user/${name}.ndjson`, import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const bytesOf = ({ payload }: Message) => new Uint8Array(Buffer.from(payload, 'hex'));

/** A descriptor of the kind that was recorded, large enough for what the message says about it. */
function descriptor(message: Message, kind: Message['fds'][number]): Fd {
  if (kind === 'eventfd') return createEventfd('replayed');
  if (kind === 'memfd') {
    const view = new DataView(bytesOf(message).buffer);
    const [size, offset] = message.name === 'SET_LOG_BASE' ? [0, 8] : [16, 32];
    return sealedMemfd('replayed', Number(view.getBigUint64(size, true) + view.getBigUint64(offset, true)));
  }
  if (kind === 'socket') {
    const [ours, theirs] = createSocketPair('replayed');
    ours[Symbol.dispose]();
    return theirs;
  }
  const { read, write } = createPipe('replayed');
  const [kept, dropped] = message.payload.startsWith('00') ? [write, read] : [read, write];
  dropped[Symbol.dispose]();
  return kept;
}

/** Replay a recording against a back end of the same profile, and return what that was asked, shortened to a story. */
function replay(name: string): string[] {
  const messages = vector(name);
  const recorded = (request: string) =>
    messages.find((message) => message.from === 'back-end' && message.name === request)!;
  const backEnd = new FakeBackEnd();
  backEnd.profile = {
    features: new DataView(bytesOf(recorded('GET_FEATURES')).buffer).getBigUint64(0, true),
    protocolFeatures: new DataView(bytesOf(recorded('GET_PROTOCOL_FEATURES')).buffer).getBigUint64(0, true),
    queues: Number(new DataView(bytesOf(recorded('GET_QUEUE_NUM')).buffer).getBigUint64(0, true)),
    maxQueueSize: 1024,
    memorySlots: 509,
  };
  using rig = new SessionRig(backEnd);
  for (const [i, message] of messages.entries()) {
    if (message.from === 'back-end') continue;
    const answer = messages[i + 1]?.from === 'back-end' ? messages[i + 1] : undefined;
    if (message.name === 'CHECK_DEVICE_STATE' && answer?.payload !== '0000000000000000')
      backEnd.refuse.add('checkTransfer');
    const fds = message.fds.map((kind) => descriptor(message, kind));
    rig.send(message.id, bytesOf(message), { flags: message.flags, fds: fds.map((fd) => fd.number) });
    closeAll(fds);
    const reply = rig.receive();
    const where = `message ${i}, ${message.name}`;
    assert.equal(reply?.flags, answer?.flags, where);
    assert.equal(reply?.id, answer?.id, where);
    // Where a ring stopped depends on what the guest had done with it
    const compared = message.name === 'GET_VRING_BASE' ? 4 : 8;
    assert.equal(
      Buffer.from(reply?.payload.subarray(0, compared) ?? []).toString('hex'),
      answer?.payload.slice(0, compared * 2) ?? '',
      where,
    );
    backEnd.channel?.[Symbol.dispose]();
  }
  assert.deepEqual(
    rig.refusals.filter((line) => !line.startsWith('CHECK_DEVICE_STATE')),
    [],
  );
  assert.ok(rig.alive());
  return story(backEnd.calls, backEnd.profile.queues);
}

/** `running` while all rings run, `stopped` when none does, and what else happens to the device. */
function story(calls: readonly string[], rings: number): string[] {
  const running = new Set<string>();
  let logging = false;
  const told: string[] = [];
  for (const call of calls) {
    const [what, detail] = call.split(' ') as [string, string?];
    if (what === 'startRing' && running.add(detail!).size === rings) told.push('running');
    if (what === 'stopRing' && running.delete(detail!) && running.size === 0) told.push('stopped');
    if (what === 'reset' && told.at(-1) !== 'reset') told.push('reset');
    if (what === 'beginTransfer') told.push(detail!);
    if (what === 'checkTransfer') told.push('checked');
    if (what !== 'setFeatures' || ((BigInt(detail!) & LOG_ALL) !== 0n) === logging) continue;
    logging = !logging;
    told.push(logging ? 'logging' : 'no logging');
  }
  return told;
}

for (const version of ['10.0', '11.1']) {
  test(`QEMU ${version}: boot, stop, cont, a move that fails, a move`, () => {
    assert.deepEqual(replay(`qemu-${version}-source`), [
      ...['reset', 'running'],
      ...['stopped', 'running'],
      ...['logging', 'stopped', 'save', 'checked', 'running', 'no logging'],
      ...['logging', 'stopped', 'save', 'checked'],
    ]);
  });

  test(`QEMU ${version}: arrival, the state before anything else`, () => {
    assert.deepEqual(replay(`qemu-${version}-destination`), ['reset', 'load', 'checked', 'running']);
  });

  test(`QEMU ${version}: packed virtqueues, two of them for requests, and a move`, () => {
    assert.deepEqual(replay(`qemu-${version}-packed-source`), [
      ...['reset', 'running'],
      ...['logging', 'stopped', 'save', 'checked'],
    ]);
    assert.deepEqual(replay(`qemu-${version}-packed-destination`), ['reset', 'load', 'checked', 'running']);
  });

  test(`QEMU ${version}: packed virtqueues go on where they stopped, and are logged by one address alone`, () => {
    const [source, destination] = ['source', 'destination'].map((side) =>
      vector(`qemu-${version}-packed-${side}`),
    ) as [Message[], Message[]];
    const bases = (messages: Message[], from: Message['from'], name: string) =>
      messages
        .filter((message) => message.from === from && message.name === name)
        .map((message) => message.payload);
    const stopped = bases(source, 'back-end', 'GET_VRING_BASE');
    assert.equal(stopped.length, 3);
    assert.deepEqual(bases(destination, 'front-end', 'SET_VRING_BASE'), stopped);
    const fresh = bases(source, 'front-end', 'SET_VRING_BASE').map((payload) => payload.slice(8));
    assert.deepEqual(fresh, Array(3).fill('00800080'), 'both at descriptor 0, wrap counters set');
    for (const message of source.filter(
      ({ name, from }) => name === 'SET_VRING_ADDR' && from === 'front-end',
    )) {
      const view = new DataView(bytesOf(message).buffer);
      const [ring, device, driver, log] = [8, 16, 24, 32].map((at) => view.getBigUint64(at, true));
      assert.equal(new Set([ring! >> 12n, device! >> 12n, driver! >> 12n]).size, 3, 'on pages of their own');
      if (version === '11.1') assert.equal(log, device, 'the address to log says nothing of the ring');
    }
  });

  test(`QEMU ${version}: arrival of a state that is refused`, () => {
    assert.deepEqual(replay(`qemu-${version}-refused`), ['reset', 'load', 'checked']);
  });
}
