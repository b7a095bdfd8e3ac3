/** One transfer between two machines in this process, through a relay, with something that happens on the way. */
import assert from 'node:assert/strict';
import { listen, parseEndpoint } from '../../../src/engine/channels/index.ts';
import {
  type Outcome,
  type ReceiveOptions,
  receiveMachine,
  type SendOptions,
  sendMachine,
  type TransferEvent,
} from '../../../src/engine/transfer/index.ts';
import type { Tap } from '../../e2e/engine/fault/link.ts';
import { Relay } from '../../e2e/engine/fault/relay.ts';
import { assertSameMemory, type MachineOptions, QUICK, TestMachine } from './transfer-rig.ts';

export type Side = 'source' | 'destination';

/** What can be done to a transfer that goes on. */
export interface Hand {
  readonly relay: Relay;
  /** Cancel from an end; may be done again. */
  cancel(side: Side): void;
}

export interface Play {
  readonly source?: MachineOptions;
  readonly destination?: MachineOptions;
  readonly send?: Partial<SendOptions>;
  readonly receive?: Partial<ReceiveOptions>;
  /** What the machines do otherwise than they should. */
  readonly change?: (
    source: ReturnType<TestMachine['asSource']>,
    destination: ReturnType<TestMachine['asDestination']>,
  ) => void;
  /** Hears everything that both ends tell. */
  readonly when?: (side: Side, event: TransferEvent, hand: Hand) => void;
  readonly tap?: Tap;
}

/** How it ended. The machines live until it is disposed of. */
export interface Played extends Disposable {
  readonly sent: Outcome;
  readonly received: Outcome;
  readonly source: TestMachine;
  readonly destination: TestMachine;
  readonly events: readonly [Side, TransferEvent][];
}

/** Play a transfer over TCP through a relay. */
export async function play(play: Play): Promise<Played> {
  using stack = new DisposableStack();
  const source = stack.use(new TestMachine(play.source));
  const destination = stack.use(new TestMachine(play.destination));
  source.fill();
  const [from, into] = [source.asSource(), destination.asDestination()];
  play.change?.(from, into);
  await using listener = await listen(parseEndpoint('ferry+tcp:127.0.0.1:0'));
  const { endpoint } = listener;
  assert.equal(endpoint.transport, 'tcp');
  await using relay = await Relay.start(
    endpoint.transport === 'tcp' ? endpoint.port : 0,
    play.tap ?? (() => undefined),
  );
  const wishes = { source: new AbortController(), destination: new AbortController() };
  const hand: Hand = { relay, cancel: (side) => wishes[side].abort() };
  const events: [Side, TransferEvent][] = [];
  const options = (side: Side) => ({
    signal: wishes[side].signal,
    timings: QUICK,
    onEvent: (event: TransferEvent) => {
      events.push([side, event]);
      play.when?.(side, event, hand);
    },
  });
  const [received, sent] = await Promise.all([
    receiveMachine(into, { ...options('destination'), ...play.receive, listener }),
    sendMachine(from, {
      ...options('source'),
      channels: 1,
      ...play.send,
      to: `ferry+tcp:127.0.0.1:${relay.port}`,
    }),
  ]);
  const held = stack.move();
  return { sent, received, source, destination, events, [Symbol.dispose]: () => held.dispose() };
}

/** The machine runs at the source, as if nothing had been, and nowhere else. */
export function assertStayed(
  { sent, received, source, destination }: Played,
  stuck: readonly string[] = [],
): void {
  assert.deepEqual([...sent.quarantined, ...received.quarantined], stuck);
  assert.equal(sent.machineAt, 'source', `${sent.why}`);
  assert.equal(received.machineAt, 'source', `${received.why}`);
  const stopped = source.history.includes('stop');
  assert.deepEqual(
    source.history.filter((what) => what !== 'unwatch'),
    stopped ? ['stop', 'resume'] : [],
  );
  assert.ok(destination.history.every((what) => what === 'discard') && destination.history.length <= 1);
  using untouched = new TestMachine(source.options);
  assertSameMemory(untouched.fill(), source);
}

/** The machine runs at the destination, with everything that it had, and nowhere else. */
export function assertMoved({
  sent,
  received,
  source,
  destination,
}: Pick<Played, 'sent' | 'received' | 'source' | 'destination'>): void {
  assert.deepEqual([sent.outcome, sent.why], ['completed', undefined]);
  assert.deepEqual([received.outcome, received.why], ['completed', undefined]);
  assert.deepEqual([sent.machineAt, received.machineAt], ['destination', 'destination']);
  assert.deepEqual(source.history, ['stop', 'release', 'unwatch']);
  assert.deepEqual(destination.history, ['start']);
  assertSameMemory(source, destination);
  assert.deepEqual([...sent.quarantined, ...received.quarantined], []);
}

/** Whether `event` is that a phase begins. */
export function enters(event: TransferEvent, phase: string): boolean {
  return event.type === 'phase' && event.phase === phase;
}
