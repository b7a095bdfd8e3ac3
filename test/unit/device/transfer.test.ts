import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Poller } from '../../../src/device/poller.ts';
import { DEFAULT_SETTINGS, type DeviceSettings } from '../../../src/device/settings.ts';
import { cancelled, type Direction, Transfer } from '../../../src/device/transfer.ts';
import {
  createEventfd,
  createPipe,
  drainEventfd,
  type Fd,
  Poll,
  signalEventfd,
  writeFrom,
} from '../../../src/sys/index.ts';

/** A transfer over a pipe, our end of it, and a message that waits for the thread. */
function fixture(direction: Direction, settings: Partial<DeviceSettings> = {}) {
  const stack = new DisposableStack();
  const poller = stack.use(new Poller());
  const { read, write } = createPipe('state');
  const [ours, theirs] = direction === 'save' ? [read, write] : [write, read];
  stack.use(ours);
  const transfer = stack.use(
    new Transfer(direction, theirs, poller, {
      ...DEFAULT_SETTINGS,
      stall: 200,
      transfer: 1_000,
      ...settings,
    }),
  );
  const message = stack.use(createEventfd('message'));
  return { poller, ours, theirs, transfer, message, [Symbol.dispose]: () => stack[Symbol.dispose]() };
}

function onMessage(
  poller: Poller,
  message: Fd,
  act: () => void,
  group: 'front-end' | 'control' = 'front-end',
) {
  poller.watch(group, message, Poll.in, () => {
    drainEventfd(message.number);
    act();
  });
}

test('what comes while the channel is silent is heard from within', () => {
  using f = fixture('load');
  const heard: string[] = [];
  onMessage(f.poller, f.message, () => {
    heard.push('message');
    writeFrom(f.ours, new Uint8Array([7]));
  });
  signalEventfd(f.message.number);
  f.transfer.run(() => heard.push(`byte ${f.transfer.read(new Uint8Array(4))}`));
  assert.deepEqual(heard, ['message', 'byte 1']);
  assert.equal(f.transfer.status, 'done');
});

test('a message that came after the channel was closed is not heard before its end is seen', () => {
  using f = fixture('load');
  const heard: string[] = [];
  onMessage(f.poller, f.message, () => heard.push('message'));
  // The thread learns of both in one go, as when the other side closed and spoke between two looks
  onMessage(f.poller, f.message, () => undefined, 'control');
  let first = true;
  const wait = f.poller.wait.bind(f.poller);
  f.poller.wait = (milliseconds) => {
    if (first) {
      first = false;
      signalEventfd(f.message.number);
      const ready = wait(milliseconds);
      f.ours[Symbol.dispose]();
      return ready;
    }
    return wait(milliseconds);
  };
  f.transfer.run(() => heard.push(`end ${f.transfer.read(new Uint8Array(4))}`));
  assert.deepEqual(heard, ['end 0']);
});

test('a transfer that is cancelled from within is left by that error', () => {
  using f = fixture('load');
  onMessage(f.poller, f.message, () => f.transfer.fail(cancelled('a test')));
  signalEventfd(f.message.number);
  f.transfer.run(() => f.transfer.read(new Uint8Array(4)));
  assert.equal(f.transfer.status, 'failed');
  assert.match(f.transfer.failure?.message ?? '', /cancelled: a test/);
  assert.ok(f.theirs.closed);
});

test('a silent channel ends with the stall, a slow one with the deadline of the whole', () => {
  for (const [settings, words] of [
    [{ stall: 30 }, /A byte of device state/],
    [{ stall: 1_000, transfer: 40 }, /The load of device state/],
  ] as const) {
    using f = fixture('load', settings);
    f.transfer.run(() => f.transfer.read(new Uint8Array(4)));
    assert.equal(f.transfer.failure?.code, 'ERR_DEADLINE');
    assert.match(f.transfer.failure?.message ?? '', words);
  }
});

test('a channel that is never silent does not keep the operator out', () => {
  using f = fixture('load', { transfer: 5_000 });
  onMessage(f.poller, f.message, () => f.transfer.fail(cancelled('the operator')), 'control');
  const bytes = new Uint8Array(16);
  f.transfer.run(() => {
    for (;;) {
      writeFrom(f.ours, bytes);
      f.transfer.read(new Uint8Array(16));
      if (f.transfer.bytes === 16_000) signalEventfd(f.message.number);
    }
  });
  assert.match(f.transfer.failure?.message ?? '', /the operator/);
});

test('a reader that has gone makes a save fail', () => {
  using f = fixture('save');
  f.ours[Symbol.dispose]();
  f.transfer.run(() => f.transfer.write(new Uint8Array(100)));
  assert.equal(f.transfer.failure?.code, 'ERR_SYSTEM');
  assert.match(f.transfer.failure?.message ?? '', /EPIPE/);
});

test('what a device throws is a refusal with its words', () => {
  using f = fixture('load');
  f.transfer.run(() => {
    throw new TypeError('a slip');
  });
  assert.equal(f.transfer.failure?.code, 'ERR_DEVICE_STATE');
  assert.match(f.transfer.failure?.message ?? '', /a slip/);
});
