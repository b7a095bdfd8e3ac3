import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { encodeMessage } from '../../../src/engine/transfer/control/codec.ts';
import { ControlLink, type LinkOptions } from '../../../src/engine/transfer/control/link.ts';
import type { Message } from '../../../src/engine/transfer/control/messages.ts';
import { MAX_UNREAD, MAX_UNSENT } from '../../../src/engine/transfer/limits.ts';
import { ALL_MESSAGES } from './transfer-messages.ts';

const NEVER_ABORTED = new AbortController().signal;
const END_MS = 5_000;

/** A link, what it hears at once, why it failed, and the other end of its stream. */
function linked(options: Partial<LinkOptions> = {}) {
  const [near, far] = duplexPair();
  const heard: Message[] = [];
  const failed = Promise.withResolvers<Error>();
  const link = new ControlLink(near, {
    peer: 'The peer',
    keepAliveMs: 60_000,
    silenceMs: 60_000,
    hear: (message) => {
      heard.push(message);
      return message.kind === 'keep-alive';
    },
    failed: failed.resolve,
    ...options,
  });
  return { link, far, heard, failed: failed.promise, near };
}

/** Close both ends. */
async function close(link: ControlLink, far: { end(): unknown; resume(): unknown }): Promise<void> {
  far.resume();
  far.end();
  await link.close(END_MS);
}

test('messages arrive in order, those that are all there is to them at once', async () => {
  const { link, far, heard } = linked();
  const others = ALL_MESSAGES.filter(({ kind }) => kind !== 'keep-alive');
  far.write(Buffer.concat(ALL_MESSAGES.map(encodeMessage)));
  for (const message of others)
    assert.deepEqual(await link.next('A message', END_MS, NEVER_ABORTED), message);
  assert.deepEqual(heard, ALL_MESSAGES);
  await close(link, far);
});

test('a wait ends with its deadline, or with the signal', async () => {
  const { link, far } = linked();
  await assert.rejects(link.next('The word', 10, NEVER_ABORTED), /The word did not happen within 10 ms/);
  const stop = new AbortController();
  const waiting = link.next('The word', END_MS, stop.signal);
  stop.abort(new Error('Enough'));
  await assert.rejects(waiting, /Enough/);
  await close(link, far);
});

test('a link that has nothing to say says that it is there, and misses a peer that does not', async () => {
  const { link, far, failed } = linked({ keepAliveMs: 20, silenceMs: 100 });
  const said = await new Promise<Uint8Array>((resolve) => far.once('data', resolve));
  assert.deepEqual(Buffer.from(said), Buffer.from(encodeMessage({ kind: 'keep-alive' })));
  assert.match((await failed).message, /The peer was silent for 100 ms/);
  await close(link, far);
});

test('an end of the connection that nobody expects is a failure; one that is expected is none', async () => {
  for (const [bytes, says] of [
    [new Uint8Array(0), /The peer ended the main connection$/],
    [encodeMessage({ kind: 'loaded' }).subarray(0, 5), /in the middle of a message$/],
  ] as const) {
    const { link, far, failed } = linked();
    far.end(bytes);
    assert.match((await failed).message, says);
    await assert.rejects(link.next('A message', END_MS, NEVER_ABORTED), says);
    far.resume();
    await link.close(END_MS);
  }
  const { link, far } = linked({ failed: () => assert.fail('It was expected') });
  link.mayEnd();
  far.end();
  far.resume();
  await link.close(END_MS);
});

test('what cannot be decoded ends it, and nothing behind it is heard', async () => {
  const { link, far, heard, failed } = linked();
  far.write(
    Buffer.concat([encodeMessage({ kind: 'started' }), Buffer.alloc(12), encodeMessage({ kind: 'loaded' })]),
  );
  assert.match((await failed).message, /message\.magic at byte 16/);
  assert.deepEqual(heard, [{ kind: 'started' }]);
  await close(link, far);
});

test('a peer that says too much unasked, or takes nothing, is no peer', async () => {
  const flooded = linked();
  flooded.far.write(
    Buffer.concat(Array.from({ length: MAX_UNREAD }, () => encodeMessage({ kind: 'loaded' }))),
  );
  assert.match((await flooded.failed).message, /said 1024 things unasked/);
  await close(flooded.link, flooded.far);
  const stuffed = linked();
  const long: Message = { kind: 'cancel', why: 'x'.repeat(4096) };
  for (let sent = 0; sent <= MAX_UNSENT + 65_536; sent += 4096) stuffed.link.send(long);
  assert.match((await stuffed.failed).message, /The peer takes nothing: \d+ bytes wait for it/);
  await close(stuffed.link, stuffed.far);
});

test('a file is read no faster than it is worked through', async () => {
  const { link, far, heard } = linked({ oneWay: 'read' });
  const many = MAX_UNREAD * 3;
  far.write(Buffer.concat(Array.from({ length: MAX_UNREAD }, () => encodeMessage({ kind: 'loaded' }))));
  far.write(
    Buffer.concat(Array.from({ length: many - MAX_UNREAD }, () => encodeMessage({ kind: 'loaded' }))),
  );
  far.end();
  for (let i = 0; i < many; i++) {
    assert.equal((await link.next('A message', END_MS, NEVER_ABORTED)).kind, 'loaded');
    assert.ok(heard.length - i <= many - MAX_UNREAD, 'everything was read at once');
  }
  await assert.rejects(link.next('A message', END_MS, NEVER_ABORTED), { code: 'ERR_PEER_GONE' });
  await link.close(END_MS);
});
