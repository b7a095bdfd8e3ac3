/** State of devices that says itself what it is: a piece is one buffer of one device, told from all others. */

/** Bytes of every buffer but the last one of a device. */
export const PIECE = 1024 * 1024;

/** Where a piece says of which device it is, and its number. */
export const LABEL = 8;

/** What follows the label: the same in all pieces. */
const FILLING = filling();

function filling(): Buffer {
  const bytes = Buffer.alloc(PIECE - LABEL);
  // A generator that leaves no two words of the piece alike
  let word = 0x1234_5678;
  for (let at = 0; at < bytes.length; at += 4) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) | 0;
    bytes.writeInt32LE(word, at);
  }
  return bytes;
}

/** How long buffer `index` is of a device that has `total`. */
export function pieceLength(index: number, total: number): number {
  return index + 1 < total ? PIECE : LABEL + 1000;
}

/** A piece in two parts, of which the second is shared by all. */
export function pieceParts(device: number, index: number, total: number): [Buffer, Buffer] {
  const label = Buffer.alloc(LABEL);
  label.writeUInt32LE(device, 0);
  label.writeUInt32LE(index, 4);
  return [label, FILLING.subarray(0, pieceLength(index, total) - LABEL)];
}

/** Throws where the `length` bytes of `bytes` from `offset` on are not that piece. */
export function checkPiece(
  bytes: Uint8Array,
  offset: number,
  length: number,
  expected: { readonly device: number; readonly index: number; readonly total: number },
): void {
  const { device, index, total } = expected;
  const piece = Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
  const found = `${piece.readUInt32LE(0)}:${piece.readUInt32LE(4)}, ${length} bytes`;
  if (found !== `${device}:${index}, ${pieceLength(index, total)} bytes`)
    throw new Error(`Device ${device} was given ${found} where its buffer ${index} was expected`);
  if (piece.compare(FILLING, 0, length - LABEL, LABEL) !== 0)
    throw new Error(`Buffer ${index} of device ${device} is not what was sent`);
}
