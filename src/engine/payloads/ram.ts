import type { ChannelFacts, KindStart, PayloadKind } from '../channels/index.ts';
import type { RamPass, RamSourceStart } from './ram-pass.ts';
import type { RamReceiver, RamSinkStart } from './ram-receiver.ts';
import { RamSink } from './ram-sink.ts';
import { RamSource } from './ram-source.ts';

/** What channels need to send the RAM of a `RamPass`, or to receive that of a `RamReceiver`. */
export function ramKind(share: RamPass | RamReceiver): KindStart {
  return { module: ramModule, start: share.start };
}

/** The module that channel threads load for RAM. */
export const ramModule = import.meta.url;

/** RAM in one channel thread. */
export function createKind(start: unknown, channel: ChannelFacts): PayloadKind {
  if (channel.direction === 'send') {
    const source = new RamSource(start as RamSourceStart, channel);
    return { name: 'ram', source, [Symbol.dispose]: () => source[Symbol.dispose]() };
  }
  const sink = new RamSink(start as RamSinkStart, channel);
  return { name: 'ram', sink, [Symbol.dispose]: () => sink[Symbol.dispose]() };
}
