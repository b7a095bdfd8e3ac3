/**
 * What real QEMUs wrote to the channels of a migration, as `tools/capture/multifd.ts` recorded it. The machine's memory had
 * known contents: `goldenMemory`.
 */
import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';

const folder = new URL('../../vectors/multifd/', import.meta.url);

/** Versions of QEMU of which there are vectors. */
export const goldenVersions = ['10.0', '11.1'] as const;

export interface GoldenStream {
  /** `main`, or the number of a channel. */
  readonly channel: 'main' | number;
  readonly offset: number;
  readonly length: number;
}

/** One migration, as the manifest has it. */
export interface GoldenCapture {
  readonly name: string;
  readonly machine: 'none' | 'q35';
  readonly method: 'none' | 'zlib' | 'zstd';
  readonly channels: number;
  readonly streams: readonly GoldenStream[];
}

export interface GoldenManifest {
  /** The whole version, such as `10.0.13`. */
  readonly qemu: string;
  readonly captures: readonly GoldenCapture[];
}

/** Captures of one version of QEMU and their bytes. */
export class Golden {
  readonly manifest: GoldenManifest;
  readonly #bytes: Buffer;

  constructor(version: (typeof goldenVersions)[number]) {
    this.manifest = JSON.parse(
      readFileSync(new URL(`qemu-${version}.json`, folder), 'utf8'),
    ) as GoldenManifest;
    this.#bytes = zstdDecompressSync(readFileSync(new URL(`qemu-${version}.zst`, folder)));
  }

  /** What was written to `channel` in `capture`: on channels of a number, the hello first. */
  stream(capture: GoldenCapture, channel: 'main' | number): Buffer {
    const found = capture.streams.find((one) => one.channel === channel);
    if (found === undefined) throw new Error(`${capture.name} has no stream ${channel}`);
    return this.#bytes.subarray(found.offset, found.offset + found.length);
  }
}

export const GOLDEN_PAGE = 4096;

/** Bytes of the machine's memory: block `ram`, of machine `none` the only one. */
export const GOLDEN_MEMORY = 16 * 2 ** 20;

/**
 * The machine's memory: mostly zero; pages that cannot be compressed, alone and side by side; pages that can; one that is
 * zero but for its first byte, and one but for its last.
 */
export function goldenMemory(): Buffer {
  const memory = Buffer.alloc(GOLDEN_MEMORY);
  let noise = 0x1234_5678;
  for (let page = 0; page < GOLDEN_MEMORY / GOLDEN_PAGE; page++) {
    const at = page * GOLDEN_PAGE;
    if ((page < 64 && page % 4 === 1) || (page >= 512 && page < 520))
      for (let i = 0; i < GOLDEN_PAGE; i += 4) {
        noise ^= noise << 13;
        noise ^= noise >>> 17;
        noise ^= noise << 5;
        memory.writeInt32LE(noise, at + i);
      }
    else if (page % 32 === 2) memory.fill(`page ${page} is like itself. `, at, at + GOLDEN_PAGE);
    else if (page >= 1024 && page < 1200) memory.fill(0x5a, at, at + GOLDEN_PAGE);
  }
  memory[2000 * GOLDEN_PAGE] = 1;
  memory[3000 * GOLDEN_PAGE - 1] = 1;
  return memory;
}
