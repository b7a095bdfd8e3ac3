/** Runs one test file in a process and a temporary folder of its own, and sees that nothing of it stays behind. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';

const execArgv = ['--conditions=ferry-source', '--import', resolve('test/support/guard.ts')];

/**
 * Runs `file` and hands its events to `report`; after `limit` milliseconds it is killed. A file without tests, and one
 * that leaves processes or temporary files behind, fails.
 */
export async function runTestFile(
  file: string,
  limit: number,
  report: (event: TestEvent) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ft-'));
  const start = performance.now();
  const path = resolve(file);
  report({ type: 'test:stdout', data: { file: path, message: `\n${file}\n` } });
  try {
    const env = { ...process.env, TMPDIR: folder };
    const signal = AbortSignal.timeout(limit);
    let running = '';
    for await (const event of run({ files: [path], execArgv, env, signal }) as AsyncIterable<TestEvent>) {
      if (event.type === 'test:dequeue' && event.data.name !== path) running = event.data.name;
      if (event.type === 'test:pass' && event.data.name === path) {
        report(failure(path, start, 'The file declares no test'));
      } else if (event.type === 'test:fail' && signal.aborted && event.data.name === path) {
        report(failure(path, start, `Killed after ${limit / 1000} s, during "${running || 'loading'}"`));
      } else if (!isSummary(event)) report(event);
    }
    const left = [...killProcesses(folder), ...readdirSync(folder).map((name) => `file ${name}`)];
    // What was killed could not tidy up
    if (left.length > 0 && !signal.aborted) report(failure(path, start, `Left behind: ${left.join(', ')}`));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isSummary(event: TestEvent): boolean {
  if (event.type === 'test:diagnostic') return event.data.file === undefined;
  return event.type === 'test:summary' || event.type === 'test:plan';
}

function failure(path: string, start: number, message: string): TestEvent {
  const error = Object.assign(new Error(message), { cause: message });
  const details = { duration_ms: performance.now() - start, error, type: 'test' as const };
  const place = { file: path, line: 1, column: 1, nesting: 0 };
  return {
    type: 'test:fail',
    data: { name: path, testNumber: 1, testId: 0, parentId: undefined, tags: [], ...place, details },
  };
}

/** Ends every process that was started with `folder` as its TMPDIR, and says which these were. */
function killProcesses(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      if (!read(`/proc/${pid}/environ`).split('\0').includes(`TMPDIR=${folder}`)) return [];
      const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 100);
      process.kill(Number(pid), 'SIGKILL');
      return [`process ${pid} (${command.trim()})`];
    });
}

/** Empty for a process that has ended meanwhile, or belongs to somebody else. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const gone = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'];
    if (error instanceof Error && 'code' in error && gone.includes(String(error.code))) return '';
    throw error;
  }
}
