import { asError } from '../../errors.ts';
import { ChannelError } from './errors.ts';
import type { ChannelFacts, KindFactory, KindStart, PayloadKind } from './kind.ts';

/** Kinds that one transfer can have. */
const MOST_KINDS = 31;

/**
 * Load the modules of `starts` and make their kinds for one channel, in that order. Throws `ERR_KIND` where a module cannot
 * be loaded, does not export `createKind`, or where two kinds have the same name.
 */
export async function loadKinds(starts: readonly KindStart[], channel: ChannelFacts): Promise<PayloadKind[]> {
  if (starts.length === 0 || starts.length > MOST_KINDS)
    throw new ChannelError(
      'ERR_KIND',
      `A transfer has 1 to ${MOST_KINDS} kinds of payload, not ${starts.length}`,
    );
  const kinds: PayloadKind[] = [];
  try {
    for (const { module, start } of starts) {
      const kind = (await factoryOf(module))(start, channel);
      kinds.push(kind);
      check(kind, kinds, module, channel);
    }
    checkBarriers(kinds, channel);
    return kinds;
  } catch (error) {
    disposeAll(kinds);
    throw error;
  }
}

/** Give back what `kinds` hold, the last first. */
export function disposeAll(kinds: readonly PayloadKind[]): void {
  for (const kind of kinds.toReversed()) kind[Symbol.dispose]();
}

/** The module cannot be known to the compiler: what it exports is looked at here. */
async function factoryOf(module: string): Promise<KindFactory> {
  let exported: unknown;
  try {
    exported = await import(module);
  } catch (cause) {
    throw new ChannelError(
      'ERR_KIND',
      `The kind of payload in ${module} cannot be loaded: ${asError(cause).message}`,
      { cause },
    );
  }
  const factory: unknown = Reflect.get(Object(exported), 'createKind');
  if (typeof factory !== 'function')
    throw new ChannelError('ERR_KIND', `${module} exports no function createKind`);
  return factory as KindFactory;
}

function check(
  kind: PayloadKind,
  kinds: readonly PayloadKind[],
  module: string,
  channel: ChannelFacts,
): void {
  if (kinds.some((other) => other !== kind && other.name === kind.name))
    throw new ChannelError(
      'ERR_KIND',
      `Two kinds of payload are named ${kind.name}; the second is in ${module}`,
    );
  const half = channel.direction === 'send' ? kind.source : kind.sink;
  if (half === undefined)
    throw new ChannelError('ERR_KIND', `The kind ${kind.name} in ${module} cannot ${channel.direction}`);
  const weight = kind.source?.weight ?? 1;
  if (!Number.isInteger(weight) || weight < 1)
    throw new ChannelError(
      'ERR_KIND',
      `The kind ${kind.name} in ${module} has the weight ${weight}, expected 1 or more`,
    );
}

function checkBarriers(kinds: readonly PayloadKind[], { direction }: ChannelFacts): void {
  const writers = kinds.filter((kind) => kind.source?.writeBarrier !== undefined);
  if (direction === 'receive' || writers.length === 1) return;
  const names = writers.map((kind) => kind.name).join(', ') || 'none of them';
  throw new ChannelError('ERR_KIND', `Exactly one kind of a transfer writes barriers, not ${names}`);
}
