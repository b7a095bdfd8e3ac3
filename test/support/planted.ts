import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A change to one place of one source file. */
export interface Fault {
  /** Path under the repository, such as `src/state/frame.ts`. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

const PLANT = fileURLToPath(new URL('./plant.ts', import.meta.url));

/**
 * Run `testFile` with `fault` planted, in every process that it starts, and make sure that the tests whose
 * names match `red` fail, at least one.
 */
export async function assertTurnsRed(testFile: URL, fault: Fault, red: RegExp): Promise<void> {
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const args = ['--test', '--test-reporter=tap', `--test-name-pattern=${red.source}`];
  const options = `${env.NODE_OPTIONS ?? ''} --import=${PLANT}`;
  const child = spawn(process.execPath, [...process.execArgv, ...args, fileURLToPath(testFile)], {
    env: { ...env, NODE_OPTIONS: options, FERRY_PLANT: JSON.stringify(fault) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      output += String(text);
    });
  await once(child, 'close');
  const failed = output.split('\n').filter((line) => /^\s*not ok \d/.test(line) && red.test(line));
  assert.ok(failed.length > 0, `stays green with the fault in ${fault.file}:\n${output}`);
}
