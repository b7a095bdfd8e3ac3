import type { Bell } from './bell.ts';
import { PacketFlag } from './constants.ts';
import type { ChannelControl } from './control.ts';
import { ChannelAborted, ChannelError } from './errors.ts';
import type { PayloadKind, PayloadSource } from './kind.ts';
import type { ChannelPacketWriter } from './packet-writer.ts';
import type { ChannelStream } from './stream.ts';
import { Turns } from './turns.ts';

/** How long an idle channel sleeps before it looks again, in milliseconds: for ever, nobody forgets to ring. */
const UNTIL_RUNG = Number.POSITIVE_INFINITY;

/** What one sending channel works with. */
export interface Sending {
  readonly id: number;
  readonly kinds: readonly PayloadKind[];
  readonly control: ChannelControl;
  readonly bell: Bell;
  readonly stream: ChannelStream;
  readonly packet: ChannelPacketWriter;
}

/**
 * Send packets, as long as any kind has some, and barriers as they are posted, until nothing more will come. Blocks. Throws
 * `ChannelAborted` when the channel is told to end.
 */
export function sendAll(sending: Sending): void {
  const { id, kinds, control, bell } = sending;
  const sources = kinds.map((kind) => kind.source!);
  const turns = new Turns(sources);
  const barrierKind = sources.findIndex((source) => source.writeBarrier !== undefined);
  let seen = control.barrierOf(id);
  for (;;) {
    const rings = bell.rings;
    if (control.isAborted(id)) throw new ChannelAborted();
    // Looked at before anything is taken: what was made available before is seen then
    const { isFinishing, posted } = control;
    const written = control.barrierOf(id);
    if (posted > seen) turns.barrier();
    seen = posted;
    const held = posted === written && !control.allPassed(written);
    const taken = turns.take(held);
    if (taken >= 0) {
      writeOne(sending, taken, sources[taken]!);
    } else if (posted === written) {
      if (isFinishing && !held) break;
      control.countWait(id);
      bell.wait(rings, UNTIL_RUNG);
    }
    if (posted > written && turns.isDry) {
      writeBarrier(sending, barrierKind, sources[barrierKind]!);
      control.setBarrier(id, written + 1);
      // Those that went ahead may ask the ordered kinds again
      if (control.allPassed(written + 1)) bell.ring();
      turns.barrier();
    }
  }
  sending.stream.end();
}

function writeOne(sending: Sending, kind: number, source: PayloadSource): void {
  const { id, control, stream, packet } = sending;
  const { position } = stream;
  const { packets } = packet;
  source.write(packet);
  if (packet.packets !== packets + 1)
    throw new ChannelError(
      'ERR_KIND',
      `The kind ${sending.kinds[kind]!.name} wrote ${packet.packets - packets} packets for one that it took`,
    );
  control.count(id, kind, stream.position - position);
}

function writeBarrier(sending: Sending, kind: number, source: PayloadSource): void {
  const { id, control, stream, packet } = sending;
  const { position } = stream;
  source.writeBarrier?.(packet);
  if ((packet.lastFlags & PacketFlag.sync) === 0)
    throw new ChannelError('ERR_KIND', `The kind ${sending.kinds[kind]!.name} wrote a barrier without SYNC`);
  control.count(id, kind, stream.position - position);
}
