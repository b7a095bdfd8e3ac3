import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `ferry`, as a command that starts another process of this same program. */
export function self(): string[] {
  const source = fileURLToPath(new URL('../main.ts', import.meta.url));
  const main = existsSync(source) ? source : fileURLToPath(new URL('../main.js', import.meta.url));
  return [process.execPath, ...process.execArgv, main];
}
