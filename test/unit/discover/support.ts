import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NIC } from '../../support/compat/nic.ts';

/** A temporary folder that goes with its scope. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'ferry-discover-'));

  /** Writes a file; its path. */
  file(name: string, content: string | Uint8Array, mode = 0o644): string {
    const path = join(this.path, name);
    writeFileSync(path, content, { mode });
    return path;
  }

  /** Writes an executable shell script; its path. */
  script(name: string, body: string): string {
    return this.file(name, `#!/bin/sh\n${body}\n`, 0o755);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

export const NIC_TEXT = JSON.stringify(NIC);

/** The rejection must have `code`, and a message that matches. */
export async function assertRejects(
  work: Promise<unknown>,
  code: string,
  message: RegExp,
): Promise<Error & { code: string }> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return Object.assign(error, { code });
  }
  assert.fail(`expected ${code}`);
}
