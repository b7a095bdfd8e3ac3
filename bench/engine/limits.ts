import { join } from 'node:path';
import { FerryError } from '../../src/errors.ts';
import { capture, findPeers } from '../../src/launch/index.ts';
import { compile } from '../../tools/guest/build.ts';

/** What the machine gives to the pattern of a transfer when nothing else is done, measured by a program in C. */
export class MachineLimits {
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  /** The program is compiled into `folder` by the compiler among the cached peers. */
  static async build(folder: string): Promise<MachineLimits> {
    const { guestTools } = await findPeers();
    if (guestTools === undefined) throw new FerryError('ERR_PEER_MISSING', 'No C compiler among the peers');
    const program = join(folder, 'loopback');
    await compile(guestTools, [join(import.meta.dirname, 'loopback.c')], program);
    return new MachineLimits(program);
  }

  /** GB/s of loopback: packets of a header and 512 KiB, in pages of 4 KiB or in one piece, between two processes. */
  loopback(transport: 'tcp' | 'unix', payload: 'pages' | 'piece', channels: number, mebibytes: number) {
    return this.#run([transport, payload, String(channels), String(mebibytes)]);
  }

  /** GB/s of memory copied within one thread. */
  copy(mebibytes: number): Promise<number> {
    return this.#run(['copy', '-', '1', String(mebibytes)]);
  }

  async #run(words: readonly string[]): Promise<number> {
    const { code, stdout, stderr } = await capture(['taskset', '-c', '0-1023', this.#program, ...words], {
      deadline: 120_000,
    });
    if (code !== 0) throw new FerryError('ERR_BENCH', `loopback ${words.join(' ')}: ${stderr.trim()}`);
    return Number(stdout);
  }
}
