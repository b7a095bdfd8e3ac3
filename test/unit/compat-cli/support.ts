/** Running `ferry compat` in this process, as a shell would, and documents for it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import type { z } from 'zod';
import { addCompatCommand } from '../../../src/cli/compat.ts';
import { ExitCode } from '../../../src/cli/exit-codes.ts';
import { SHAPES } from './shapes.ts';

export interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `ferry compat ...words`: what it says and how it would end. */
export async function compat(...words: string[]): Promise<Said> {
  let stdout = '';
  let stderr = '';
  const program = new Command('ferry')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        stdout += text;
      },
      writeErr: (text) => {
        stderr += text;
      },
    });
  const before = process.exitCode;
  process.exitCode = ExitCode.ok;
  let status: number;
  try {
    await addCompatCommand(program, ['compat', ...words]);
    await program.parseAsync(['compat', ...words], { from: 'user' });
    status = Number(process.exitCode);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    status = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  } finally {
    process.exitCode = before;
  }
  return { status, stdout, stderr };
}

/** What `--json` prints, held against its documentation. */
export async function json<C extends keyof Shapes>(
  command: C,
  ...words: string[]
): Promise<z.output<Shapes[C]>> {
  const { status, stdout, stderr } = await compat(command, '--json', ...words);
  assert.equal(stderr, '');
  assert.match(stdout, /^[^\n]+\n$/);
  const shape: Shapes[C] = SHAPES[command];
  const document = shape.parse(JSON.parse(stdout)) as z.output<Shapes[C]>;
  if ('answer' in document) assert.equal(status, EXIT[document.answer]);
  else assert.equal(status, 0);
  return document;
}

type Shapes = typeof SHAPES;
const EXIT = { yes: 0, no: 1, unproven: 3 } as const;

/** A folder for documents and lists, gone at the end. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'compat-cli-'));

  /** Writes a file and returns its path. */
  write(name: string, content: unknown): string {
    const path = join(this.path, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}
