import { stat } from 'node:fs/promises';
import { bothOf } from './ask.ts';
import { describeQemu } from './describe.ts';
import type { QemuDescription, QemuProgram } from './description.ts';

/**
 * Descriptions by program file, so that each file is asked once however many VMs run it. A file that has changed since (another
 * device, inode, size or time of change) is asked again; one that could not be described is as well. Callers at the same time
 * share one asking, and how it ends.
 */
export class QemuDescriptions {
  readonly #known = new Map<
    string,
    { readonly identity: string; readonly description: Promise<QemuDescription> }
  >();

  /** The description of `program`. Throws what `describeQemu` throws. */
  async describe(program: QemuProgram, options: { signal?: AbortSignal } = {}): Promise<QemuDescription> {
    const key = JSON.stringify([program.command, program.env]);
    const identity = await identityOf(program.path);
    const known = this.#known.get(key);
    if (known !== undefined && identity !== undefined && known.identity === identity)
      return known.description;
    const description = describeQemu(program, options);
    if (identity !== undefined) this.#known.set(key, { identity, description });
    try {
      return await description;
    } catch (error) {
      if (this.#known.get(key)?.description === description) this.#known.delete(key);
      throw error;
    }
  }

  /** Both descriptions, asked at the same time. When one program cannot be asked, nothing of the other is left running. */
  async describeBoth(
    source: QemuProgram,
    destination: QemuProgram,
    options: { signal?: AbortSignal } = {},
  ): Promise<[QemuDescription, QemuDescription]> {
    return bothOf(
      options.signal ?? new AbortController().signal,
      (signal) => this.describe(source, { signal }),
      (signal) => this.describe(destination, { signal }),
    );
  }
}

/** Undefined for a file that cannot be looked at: what it is may change unseen. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch {
    return undefined;
  }
}
