import { PacketFlag } from './constants.ts';
import type { ChannelControl } from './control.ts';
import { ChannelAborted, ChannelError } from './errors.ts';
import type { PayloadKind } from './kind.ts';
import type { ChannelPacketReader } from './packet-reader.ts';
import type { ChannelStream } from './stream.ts';

/** What one receiving channel works with. */
export interface Receiving {
  readonly id: number;
  readonly kinds: readonly PayloadKind[];
  readonly control: ChannelControl;
  readonly stream: ChannelStream;
  readonly packet: ChannelPacketReader;
}

/**
 * Hand each packet to the first kind that claims it, and stop at each barrier until it is released, until the stream ends
 * between two packets. Blocks. Throws `ChannelAborted` when the channel is told to end.
 */
export function receiveAll(receiving: Receiving): void {
  const { id, kinds, control, stream, packet } = receiving;
  const sinks = kinds.map((kind) => kind.sink!);
  // A channel that broke while a barrier held it is still held by it
  waitForRelease(receiving);
  for (;;) {
    const { position } = stream;
    const flags = packet.begin();
    if (flags < 0) return;
    let kind = 0;
    while (kind < sinks.length && !sinks[kind]!.claims(flags)) kind++;
    const sink = sinks[kind];
    if (sink === undefined) {
      const names = kinds.map(({ name }) => name).join(', ');
      throw packet.error(
        'ERR_PACKET_FLAGS',
        `has flags 0x${flags.toString(16)}, which no kind of this transfer claims: ${names}`,
      );
    }
    sink.read(flags, packet);
    if (!packet.isComplete)
      throw new ChannelError('ERR_KIND', `The kind ${kinds[kind]!.name} left a packet without its end`);
    control.count(id, kind, stream.position - position);
    if ((flags & PacketFlag.sync) === 0) continue;
    control.setBarrier(id, control.barrierOf(id) + 1);
    waitForRelease(receiving);
  }
}

function waitForRelease({ id, control }: Receiving): void {
  const barrier = control.barrierOf(id);
  for (;;) {
    const { wakes } = control;
    if (control.isAborted(id)) throw new ChannelAborted();
    if (control.released >= barrier) return;
    control.countWait(id);
    control.waitForWake(wakes);
  }
}
