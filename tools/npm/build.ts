/** Compiles `src/` to `dist/`: JavaScript, declarations and source maps, as the package publishes them. */

import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (status === 0) {
  const files = globSync('dist/**/*.js');
  for (const file of files) pointAtCompiled(file);
  console.log(`Built ${files.length} modules in dist/`);
} else {
  process.exitCode = 1;
}

/** The compiler rewrites imports; a worker is named by a URL, which it leaves alone. */
function pointAtCompiled(file: string): void {
  const text = readFileSync(file, 'utf8');
  const pointed = text.replace(/(new URL\(\s*'[^']+)\.ts'(,\s*import\.meta\.url)/g, "$1.js'$2");
  if (pointed !== text) writeFileSync(file, pointed);
}
