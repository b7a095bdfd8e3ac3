/** Runs a TypeScript program of this repository, with its output passed through. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Whether `program` ended with exit code 0. */
export async function runStep(program: string, args: readonly string[] = []): Promise<boolean> {
  const child = spawn(process.execPath, ['--conditions=ferry-source', program, ...args], {
    stdio: 'inherit',
  });
  const [code] = await once(child, 'close');
  return code === 0;
}
