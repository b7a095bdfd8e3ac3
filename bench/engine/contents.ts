import { open } from 'node:fs/promises';

const MIB = 2 ** 20;

/**
 * Fill the file at `path` with `mebibytes` of a guest's memory: no page is zero, a third of them do not compress, the others
 * by about four. The same for every run.
 */
export async function writeContents(path: string, mebibytes: number): Promise<void> {
  await using file = await open(path, 'w');
  const piece = new Uint32Array(MIB / 4);
  let seed = 0x9e3779b9;
  for (let at = 0; at < mebibytes; at++) {
    for (let i = 0; i < piece.length; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      const page = i >> 10;
      piece[i] = page % 3 === 0 ? seed : (i & 15) === 0 ? seed : page + 1;
    }
    await file.write(new Uint8Array(piece.buffer), 0, MIB, at * MIB);
  }
}
