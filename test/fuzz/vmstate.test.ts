/** Dumps that are not quite what QEMU writes: they are refused by name, or decoded, compared and found to suit themselves. */
import assert from 'node:assert/strict';
import { compareDumps, decodeDump, type VmstateDump, VmstateError } from '../../src/vmstate/index.ts';
import { type FieldShape, type Shape, textOf } from '../unit/vmstate/dumps.ts';
import { type Draw, fuzz } from './target.ts';

const NAMES = ['nic', 'nic/x', 'config', 'parent_obj', 'unused', 'a', 'b', '__proto__', 'é', ''];
const SIZES = [0, 1, 4, 8, 256, 4096, 2 ** 32 - 1];

function field(draw: Draw, depth: number): FieldShape {
  return {
    name: draw.pick(NAMES),
    size: draw.pick(SIZES),
    version: draw.below(3),
    conditional: draw.once(3),
    ...(draw.once(4) && { count: draw.below(4) }),
    ...(draw.once(2) && depth < 4 && { inside: shape(draw, depth + 1) }),
  };
}

function shape(draw: Draw, depth: number): Shape {
  return {
    name: draw.pick(NAMES),
    version: draw.below(3),
    minimum: draw.below(3),
    ...(!draw.once(8) && { fields: Array.from({ length: draw.below(5) }, () => field(draw, depth)) }),
    ...(depth < 3 && { subsections: Array.from({ length: draw.below(3) }, () => shape(draw, depth + 1)) }),
  };
}

function text(draw: Draw): string {
  const devices = Array.from({ length: draw.below(3) }, () => [draw.pick(NAMES), shape(draw, 0)] as const);
  return textOf(Object.fromEntries(devices), draw.pick(['none', 'q35']));
}

/** Some bytes otherwise, or gone, or there twice. */
function spoil(draw: Draw, bytes: Buffer): Buffer {
  const at = draw.below(bytes.length);
  const length = draw.below(20);
  const [before, piece, rest] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + length),
    bytes.subarray(at + length),
  ];
  switch (draw.below(4)) {
    case 0:
      return Buffer.concat([before, draw.take(piece.length), rest]);
    case 1:
      return Buffer.concat([before, rest]);
    case 2:
      return Buffer.concat([before, piece, piece, rest]);
    default:
      return Buffer.concat([
        before,
        Buffer.from(draw.pick(['{', '[', '"', '1e9', '-1', 'null', ',"Name":"a"'])),
        rest,
      ]);
  }
}

function decode(input: Uint8Array): VmstateDump | undefined {
  try {
    return decodeDump(input);
  } catch (error) {
    if (!(error instanceof VmstateError)) throw error;
    return undefined;
  }
}

fuzz('vmstate', (loop) =>
  loop((draw) => {
    const whole = Buffer.from(text(draw));
    const decoded = decode(whole);
    assert.ok(decoded !== undefined);
    const other = decode(draw.once(2) ? spoil(draw, whole) : Buffer.from(text(draw)));
    for (const dump of [decoded, other]) {
      if (dump === undefined) continue;
      // A minimum above the version suits nothing, and the second subsection of a name is never reached
      for (const { code } of compareDumps(dump, dump)) assert.match(code, /version$|^subsection-twice$/);
    }
    if (other === undefined) return;
    const found = compareDumps(decoded, other);
    const devices = new Set(found.map(({ device }) => device));
    // Every device is judged by itself
    for (const device of devices)
      if (device !== undefined)
        assert.deepEqual(
          compareDumps(decoded, other, { only: [device] }).filter((reason) => reason.device !== undefined),
          found.filter((reason) => reason.device === device),
        );
  }),
);
