import { connect } from 'node:net';
import type { EndProcess } from './end-process.ts';
import type { Direction, Link, Passage } from './link.ts';
import type { PartName } from './parts.ts';
import { RAM } from './ram.ts';
import type { Relay } from './relay.ts';

/** What a fault can reach: everything that is outside of the two ends. */
export interface Reach {
  readonly relay: Relay;
  readonly source: EndProcess;
  readonly destination: EndProcess;
  /** Resolves when one of the ends has said how the transfer ended for it. */
  readonly firstOutcome: Promise<unknown>;
  /** Where the destination listens. */
  readonly port: number;
  /** Gives something back when the transfer is over. */
  readonly later: (end: () => unknown) => void;
}

/**
 * What goes wrong. It is called for each part that passes, from the one on with which the phase begins, until it says that it is
 * done. What it waits for holds that part up, and no other connection.
 */
export type Fault = (reach: Reach, passage: Passage) => Fate | Promise<Fate>;

/** Whether the fault is done, and in pieces of how many bytes the part goes on. */
export interface Fate {
  readonly done: boolean;
  readonly pieces?: number;
}

const DONE: Fate = { done: true };
const AGAIN: Fate = { done: false };

/** Happens once, at the part with which the phase begins. */
function once(act: (reach: Reach, passage: Passage) => unknown): Fault {
  return async (reach, passage) => {
    await act(reach, passage);
    return DONE;
  };
}

/** The channel that a fault meets: the one on which the phase began, or else the first. */
function channelOf({ relay }: Reach, { link }: Passage): Link {
  return link.role === 'channel' ? link : relay.channel(0);
}

/** Happens to the first channel, and to each connection that takes its place, as soon as anything but the hello passes. */
function eachTime(act: (passage: Passage) => unknown): Fault {
  return async (_reach, passage) => {
    const { link, name, direction } = passage;
    if (link.role === 'channel' && link.id === 0 && name !== 'hello' && direction === 'forth')
      await act(passage);
    return AGAIN;
  };
}

/** The next part with this name goes over with one bit changed, `at` bytes into it. */
function flip(part: PartName, at: number): Fault {
  return (_reach, { name, direction, bytes }) => {
    if (name !== part || direction !== 'forth') return AGAIN;
    bytes[at % bytes.length]! ^= 0x10;
    return DONE;
  };
}

/** Where the first offset of a packet's pages lies, behind its head of 12 bytes. */
const FIRST_OFFSET = 320 - 12;
/** Bytes of RAM, from its beginning, that most writes of the guest go to, and as much again. */
const WARM = RAM / 8;

/** A bit of a page that the guest hardly ever writes to: what it was cannot be covered up by the next pass. */
function flipCold(): Fault {
  const cold = new WeakSet<Link>();
  return (_reach, { link, name, direction, bytes }) => {
    if (direction !== 'forth') return AGAIN;
    if (name === 'ram-header') {
      if (bytes.readBigUInt64BE(FIRST_OFFSET) >= WARM) cold.add(link);
      else cold.delete(link);
    }
    if (name !== 'ram-pages' || !cold.has(link)) return AGAIN;
    bytes[2000 % bytes.length]! ^= 0x10;
    return DONE;
  };
}

/** From now on nothing goes on over the main connection, in these directions. */
function silent(...directions: readonly Direction[]): Fault {
  return async (_reach, { link, direction }) => {
    if (link.role === 'main' && directions.includes(direction)) await link.closed;
    return AGAIN;
  };
}

/** Connections that are no part of the transfer. They stay until it is over. */
function strangers({ port, later }: Reach, { link, bytes }: Passage): void {
  const sayings = [
    // Says nothing
    Buffer.alloc(0),
    Buffer.from('GET / HTTP/1.1\r\nHost: somebody\r\n\r\n'),
    // Begins as a channel does, and goes no further
    Buffer.of(0x11, 0x22, 0x33, 0x44, 0, 0),
    // A channel of another machine
    Buffer.concat([Buffer.of(0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1), Buffer.alloc(56, 0)]),
    // A second main connection
    Buffer.from('FRCT\0\x01\0\0\0\0\0\0'),
    // The hello that is on its way, from elsewhere
    ...(link.role === 'channel' ? [Buffer.from(bytes)] : []),
  ];
  for (const said of sayings) {
    const stranger = connect(port, '127.0.0.1');
    // It is turned away
    stranger.on('error', () => undefined);
    stranger.write(said);
    later(() => stranger.destroy());
  }
}

/** Everything that goes wrong from outside, by its name. */
export const FAULTS = {
  'the source is killed': once(({ source }) => source.kill()),
  'the destination is killed': once(async ({ destination }, { link, direction }) => {
    await destination.kill();
    // What it said last did not arrive
    if (direction === 'back') link.cut();
  }),
  'the source stands still': once(async ({ source, firstOutcome }) => {
    source.freeze();
    await firstOutcome;
    source.proceed();
  }),
  'the destination stands still': once(async ({ destination, firstOutcome }) => {
    destination.freeze();
    await firstOutcome;
    destination.proceed();
  }),
  'the source cancels': once(({ source }) => source.tell('cancel')),
  'the destination cancels': once(({ destination }) => destination.tell('cancel')),
  'the main connection is cut': once(({ relay }) => relay.main.cut()),
  'the main connection ends towards the destination': once(({ relay, firstOutcome }) => {
    relay.main.endHalf('forth');
    return firstOutcome;
  }),
  'the main connection ends towards the source': once(({ relay, firstOutcome }) => {
    relay.main.endHalf('back');
    return firstOutcome;
  }),
  'the main connection carries nothing': silent('forth', 'back'),
  'the main connection carries nothing to the destination': silent('forth'),
  'the main connection carries nothing to the source': silent('back'),
  'a bit is flipped in a message': once((_reach, { message, bytes }) => {
    if (message !== undefined) bytes[bytes.length - 5]! ^= 0x10;
  }),
  'a channel is cut': once((reach, passage) => channelOf(reach, passage).cut()),
  'a channel is cut each time': eachTime(({ link }) => link.cut()),
  'a channel is cut, and again as it comes back': (_reach, { link, name, direction }) => {
    if (link.role !== 'channel' || link.id !== 0) return AGAIN;
    if (link.attempt === 0) link.cut();
    if (link.attempt !== 1 || name !== 'hello' || direction !== 'back') return AGAIN;
    // It has been welcomed, and breaks before anything was sent over it
    link.cutBehind();
    return DONE;
  },
  'a channel ends early': once((reach, passage) => channelOf(reach, passage).endHalf('forth')),
  'a channel stops in a packet': eachTime(({ link, name }) =>
    link.attempt === 0 && name === 'checksum' ? link.closed : undefined,
  ),
  'a channel stops between packets': eachTime(({ link, name }) =>
    name === 'head' ? link.closed : undefined,
  ),
  'a channel stops in a packet each time': eachTime(({ link, name }) =>
    name === 'checksum' ? link.closed : undefined,
  ),
  'a bit is flipped in a hello': flip('hello', 9),
  'a bit is flipped in a head': flip('head', 3),
  'a bit is flipped in the flags of a packet': flip('head', 10),
  'a bit is flipped in a header of pages': flip('ram-header', 55),
  'a bit is flipped in a page': flip('ram-pages', 2000),
  'a bit is flipped in a page that is cold': flipCold(),
  'a bit is flipped in a header of device state': flip('device-header', 1),
  'a bit is flipped in device state': flip('device-data', 5000),
  'a bit is flipped in a checksum': flip('checksum', 1),
  'a bit is flipped in a checksum each time': eachTime(({ name, bytes }) => {
    if (name === 'checksum') bytes[1]! ^= 0x10;
  }),
  'strangers come': once(strangers),
  'all comes in small pieces': (_reach, { name }) => ({
    done: false,
    pieces: name === 'ram-pages' || name === 'device-data' ? 8191 : 1,
  }),
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
