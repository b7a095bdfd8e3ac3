/** A served device, and front ends of it that have got as far as a row of a table wants. */
import assert from 'node:assert/strict';
import {
  createEventfd,
  createSocketPair,
  type Fd,
  type Mapping,
  mapShared,
  Poll,
  PollSet,
  signalEventfd,
} from '../../src/sys/index.ts';
import { FrontEndRequest as Id, ProtocolFeature, VirtioFeature } from '../../src/vhost-user/index.ts';
import { addressBytes, ints, RAM_SIZE, regionBytes, USER, u64 } from '../support/vhost-user-rig.ts';
import { Connection, message } from './connection.ts';
import { Passed } from './passed.ts';
import { HostileRing, RING, SIZE } from './ring.ts';
import { ServedDevice, type Serving } from './served-device.ts';
import type { State } from './table.ts';

const DEADLINE = 10_000;
/** Version 1, no acknowledgement wanted. */
const PLAIN = 1;
const RUNNING_RING = 1;

/** Not used by the front ends here unless a row asks for it: packed rings, notification thresholds, guest addresses. */
const UNUSED_FEATURES = VirtioFeature.LOG_ALL | VirtioFeature.EVENT_IDX | (1n << 34n);

/** What the device calls each state; a session that only talks leaves it stopped. */
const LIFECYCLE: Readonly<Record<State, string>> = {
  new: 'stop',
  negotiated: 'stop',
  mapped: 'stop',
  running: 'running',
  saving: 'stop-copy',
  loading: 'resuming',
};

/** A front end and what it set up. */
export class HostileFrontEnd implements Disposable {
  readonly connection: Connection;
  /** Our end of a state's pipe. */
  channel: Fd | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  [Symbol.dispose](): void {
    this.channel?.[Symbol.dispose]();
    this.connection[Symbol.dispose]();
  }
}

export class Lab implements AsyncDisposable {
  readonly served: ServedDevice;
  readonly passed: Passed;
  readonly ring: HostileRing;
  readonly #ram: Mapping;
  readonly #kick = createEventfd('kick');
  readonly #call = createEventfd('call');
  /** Signalled when the device finds ring 1 broken; for whoever passes it with SET_VRING_ERR. */
  readonly error = createEventfd('error');
  readonly #poll = new PollSet(1);
  features = 0n;
  #protocolFeatures = 0n;

  private constructor(served: ServedDevice) {
    this.served = served;
    this.passed = new Passed(served.folder);
    this.#ram = mapShared(this.passed.fd('ram'), 0, RAM_SIZE);
    this.ring = new HostileRing(this.#ram, served.kind);
    this.#poll.set(0, this.#call.number, Poll.in);
  }

  static async open(serving: Serving): Promise<Lab> {
    const lab = new Lab(await ServedDevice.launch(serving));
    using connection = lab.connect();
    lab.features = connection.ask(Id.GET_FEATURES);
    lab.#protocolFeatures = connection.ask(Id.GET_PROTOCOL_FEATURES) & ~ProtocolFeature.GPA_ADDRESSES;
    return lab;
  }

  connect(): Connection {
    return new Connection(this.served.path);
  }

  /** A fresh front end that has got as far as `state`. */
  arrive(state: State): HostileFrontEnd {
    const front = new HostileFrontEnd(this.connect());
    try {
      if (state !== 'new') this.#negotiate(front.connection);
      this.goOn(front, state);
      return front;
    } catch (error) {
      front[Symbol.dispose]();
      throw error;
    }
  }

  /** Take a front end that has agreed on everything, and on nothing else, to `state`. */
  goOn(front: HostileFrontEnd, state: State): void {
    if (state === 'mapped' || state === 'running') this.#giveMemory(front.connection);
    if (state === 'running') this.startRing(front.connection);
    if (state === 'saving' || state === 'loading') this.#beginTransfer(front, state);
    // From here on all of it has been heard
    if (state !== 'new') front.connection.ask(Id.GET_FEATURES);
  }

  /** Make sure that `front` is in `state`, by what it is answered and by what the device says about itself. */
  async check(front: HostileFrontEnd, state: State): Promise<void> {
    const { connection } = front;
    assert.equal(connection.ask(Id.GET_FEATURES), this.features);
    if (state === 'new') {
      // Nothing is acknowledged as long as nobody has agreed on acknowledgements
      connection.send(message(Id.SET_OWNER));
      assert.equal(connection.ask(Id.GET_FEATURES), this.features);
    } else assert.equal(connection.ask(Id.SET_OWNER), 0n);
    if (state === 'mapped')
      assert.equal(connection.ask(Id.SET_VRING_ADDR, addressBytes(0, USER + RING, SIZE)), 0n);
    if (state === 'running') this.serve();
    const { lifecycle, lastTransfer } = await this.served.status();
    assert.equal(lifecycle, LIFECYCLE[state]);
    if (state === 'saving' || state === 'loading') assert.equal(lastTransfer?.outcome, 'running');
  }

  /** Have ring 1 serve a request. */
  serve(): void {
    const before = this.ring.usedIndex;
    this.ring.offerGood();
    this.kick();
    this.awaitUsed((before + 1) & 0xffff);
  }

  kick(): void {
    signalEventfd(this.#kick.number);
  }

  /** Wait until the device's used index is `index`. */
  awaitUsed(index: number): void {
    const end = performance.now() + DEADLINE;
    // Whoever replaced the call descriptor hears of it in our place
    while (this.ring.usedIndex !== index) {
      assert.ok(performance.now() < end, `the used index stays at ${this.ring.usedIndex}, not ${index}`);
      this.#poll.wait(1);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [this.#poll, this.#kick, this.#call, this.error, this.#ram, this.passed])
      one[Symbol.dispose]();
    await this.served[Symbol.asyncDispose]();
  }

  #negotiate(connection: Connection): void {
    connection.send(message(Id.SET_PROTOCOL_FEATURES, u64(this.#protocolFeatures), PLAIN));
    const end = performance.now() + DEADLINE;
    // The front end before this one may not have been seen to leave yet
    while (connection.ask(Id.SET_OWNER) !== 0n) assert.ok(performance.now() < end, 'the device stays owned');
    connection.send(message(Id.SET_FEATURES, u64(this.features & ~UNUSED_FEATURES), PLAIN));
  }

  #giveMemory(connection: Connection): void {
    const ram = this.passed.fd('ram').number;
    connection.send(message(Id.ADD_MEM_REG, regionBytes(0, RAM_SIZE, USER), PLAIN), [ram]);
  }

  /** Start ring 1 with nothing in it; one call descriptor, and `kick` in place of the usual one if given. */
  startRing(connection: Connection, kick = this.#kick): void {
    const ring = RUNNING_RING;
    this.ring.clear();
    connection.send(message(Id.SET_VRING_NUM, ints(ring, SIZE), PLAIN));
    connection.send(message(Id.SET_VRING_BASE, ints(ring, 0), PLAIN));
    connection.send(message(Id.SET_VRING_ADDR, addressBytes(ring, USER + RING, SIZE), PLAIN));
    connection.send(message(Id.SET_VRING_CALL, u64(ring), PLAIN), [this.#call.number]);
    connection.send(message(Id.SET_VRING_KICK, u64(ring), PLAIN), [kick.number]);
    connection.send(message(Id.SET_VRING_ENABLE, ints(ring, 1), PLAIN));
  }

  #beginTransfer(front: HostileFrontEnd, state: 'saving' | 'loading'): void {
    front.channel?.[Symbol.dispose]();
    // Holds less than a pipe does
    const [ours, theirs] = createSocketPair('state');
    front.channel = ours;
    using _theirs = theirs;
    const direction = state === 'saving' ? 0 : 1;
    const answer = front.connection.ask(Id.SET_DEVICE_STATE_FD, ints(direction, 0), [theirs.number]);
    assert.equal(answer, 0x100n);
  }
}
