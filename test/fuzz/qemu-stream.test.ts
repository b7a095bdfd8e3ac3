/** QEMU's main stream, mangled: what is read makes the bytes again that were sent, and what is not is refused by name. */
import assert from 'node:assert/strict';
import {
  encodeReturnMessage,
  ReturnPath,
  StreamError,
  type StreamEvent,
} from '../../src/qemu-stream/index.ts';
import { encode, PAGE, parts, read, WHOLE } from '../unit/qemu-stream/streams.ts';
import { type Draw, fuzz } from './target.ts';

const FLAGS = [0x02, 0x04, 0x08, 0x10, 0x20, 0x22, 0x28, 0x40, 0x60, 0x80, 0x100, 0x200];

/** A record of RAM, sound or not. */
function record(draw: Draw): Uint8Array {
  const bytes = Buffer.alloc(8);
  const offset = draw.once(20) ? draw.u64() & ~0xfffn : BigInt(draw.below(10) * PAGE);
  bytes.writeBigUInt64BE(offset | BigInt(draw.pick(FLAGS)));
  return bytes;
}

function zeroPages(draw: Draw): StreamEvent {
  const count = 1 + draw.below(8);
  const offsets = Float64Array.from({ length: count }, () => draw.below(8) * PAGE);
  return { ...parts.zeroes, named: !draw.once(3), offsets, count };
}

/** The body of a part, mostly sound. */
function body(draw: Draw): (StreamEvent | Uint8Array)[] {
  return Array.from({ length: draw.below(6) }, () => {
    const kind = draw.below(8);
    if (kind === 0) return record(draw);
    if (kind === 1) return parts.flush;
    if (kind === 2) return parts.page;
    if (kind === 3) return parts.xbzrle;
    return zeroPages(draw);
  });
}

function stream(draw: Draw): Buffer {
  const rounds = Array.from({ length: draw.below(4) }, () => [
    parts.part,
    ...body(draw),
    parts.endOfRam,
    parts.footer,
  ]);
  const bytes = encode(...WHOLE.slice(0, 8), ...rounds.flat(), ...WHOLE.slice(-6));
  for (let changes = draw.once(3) ? 0 : draw.below(4); changes > 0; changes--) {
    // Near either end more often than in the pages between
    const at = draw.once(3) ? draw.below(bytes.length) : draw.below(Math.min(400, bytes.length));
    bytes[draw.once(2) ? at : bytes.length - 1 - at] = draw.pick([0, 1, 2, 4, 5, 6, 8, 0x7e, 0x7f, 0xff]);
  }
  if (draw.once(6)) return bytes.subarray(0, draw.below(bytes.length + 1));
  return bytes;
}

fuzz('qemu-stream', async (loop) => {
  let whole = 0;
  await loop((draw) => {
    const bytes = stream(draw);
    const cuts = Array.from({ length: draw.below(8) }, () => draw.below(bytes.length + 1)).sort(
      (a, b) => a - b,
    );
    const { bytes: again, finished, error } = read(bytes, cuts);
    assert.ok(bytes.subarray(0, again.length).equals(again), 'what was read is not what was sent');
    if (error !== undefined) assert.ok(error instanceof StreamError, String(error));
    else {
      assert.ok(finished && again.equals(bytes));
      whole++;
    }
    const messages = draw.take(draw.below(40));
    const path = new ReturnPath();
    try {
      const read = path.feed(messages);
      const said = Buffer.concat(read.map(encodeReturnMessage));
      assert.ok(said.equals(messages.subarray(0, said.length)));
    } catch (refusal) {
      assert.ok(refusal instanceof StreamError, String(refusal));
    }
  });
  assert.ok(whole > 0, 'no stream was read to its end');
});
