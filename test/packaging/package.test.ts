import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };

/** Rooms that are for Ferry's own use: the native edge, byte-level helpers, and what a command line renders. */
const privateRooms = ['sys', 'wire', 'cli', 'dashboard'];
const root = resolve('.');
const exported = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json'));

let folder: string;
let stage: string;
let packed: string[];
let ferry: string;

/** A user's environment: their own Node and npm, nothing of this repository on PATH. */
function asUser(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|FERRY_|INIT_CWD)/.test(name));
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

function run(program: string, args: readonly string[], cwd: string): string {
  return execFileSync(program, args, {
    cwd,
    env: asUser(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-package-'));
  stage = join(folder, 'stage');
  mkdirSync(stage);
  const copied = [
    'package.json',
    '.npmrc',
    'tsconfig.json',
    'tsconfig.build.json',
    'bin',
    'schemas',
    'src',
    'README.md',
  ];
  for (const name of [...copied, 'LICENSE', 'LIMITS.md', 'CHANGELOG.md']) {
    cpSync(name, join(stage, name), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(stage, 'node_modules'));
  run(process.execPath, [resolve('tools/npm/build.ts')], stage);
  const [{ filename, files }] = JSON.parse(run('npm', ['pack', '--json'], stage));
  packed = files.map(({ path }: { path: string }) => path).sort();
  ferry = join(folder, 'node_modules/.bin/ferry');
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(stage, filename)], folder);
});

after(() => rmSync(folder, { recursive: true }));

test('every public room has a sub-path, with types first and the compiled file last', () => {
  const rooms = globSync('src/{*,devices/*,engine/*}/index.ts').map((path) =>
    path.slice('src/'.length, -'/index.ts'.length),
  );
  const wanted = rooms.filter((room) => !privateRooms.includes(room)).map((room) => `./${room}`);
  assert.deepEqual(exported.toSorted(), ['./errors', ...wanted].sort());
  for (const [path, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue;
    const file = path === './errors' ? path : `${path}/index`;
    assert.deepEqual(Object.entries(target), [
      ['types', `${file.replace('./', './dist/')}.d.ts`],
      ['ferry-source', `${file.replace('./', './src/')}.ts`],
      ['default', `${file.replace('./', './dist/')}.js`],
    ]);
  }
});

test('the package holds the commands, the sources and what they compile to, and nothing else', () => {
  const sources = globSync('src/**/*.ts').map((path) => path.slice('src/'.length, -'.ts'.length));
  const compiled = sources.flatMap((name) =>
    ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((end) => `dist/${name}${end}`),
  );
  const documents = ['package.json', 'README.md', 'LICENSE', 'LIMITS.md', 'CHANGELOG.md'];
  const others = globSync('src/**/*').filter((path) => /\.[a-z]+$/.test(path) && !path.endsWith('.ts'));
  assert.deepEqual(
    packed,
    [
      ...documents,
      ...globSync('bin/*'),
      ...globSync('schemas/*'),
      ...sources.map((name) => `src/${name}.ts`),
      ...compiled,
      ...others,
    ].sort(),
  );
});

test('no compiled module loads a TypeScript file', () => {
  for (const path of globSync(join(stage, 'dist/**/*.js'))) {
    const text = readFileSync(path, 'utf8');
    assert.doesNotMatch(text, /(from|import\(|new URL\()\s*['"`][^'"`\n]*\.ts['"`]/, path);
  }
});

test('the installed command runs, whatever Node is on PATH', () => {
  assert.match(run(ferry, ['--version'], folder), new RegExp(`\\b${manifest.version}\\b`));
  assert.match(run(ferry, ['--help'], folder), /migrate/);
});

test('installed, it serves devices, moves state between them and shows it', () => {
  const capabilities = run(ferry, ['serve', 'fs', '--print-capabilities'], folder);
  assert.equal(JSON.parse(capabilities).type, 'fs');
  assert.match(run(ferry, ['demo', '--embedded'], folder), /All of it survived the move/);
});

test('every sub-path can be imported from the installed package', () => {
  const names = exported.map((path) => path.replace('.', 'ferry'));
  const program = `for (const name of ${JSON.stringify(names)}) {
    const found = Object.keys(await import(name));
    if (found.length === 0) throw new Error(name + ' exports nothing');
  }
  console.log('all', ${names.length});`;
  writeFileSync(join(folder, 'import.js'), program);
  const node = run('sh', ['node_modules/ferry/bin/find-node', folder], folder).trim();
  assert.equal(run(node, ['import.js'], folder), `all ${names.length}\n`);
});

test("the types of every sub-path hold in a strict project that checks its libraries' too", () => {
  const lines = exported.map((path, at) => `export * as room${at} from '${path.replace('.', 'ferry')}';\n`);
  writeFileSync(join(folder, 'types.ts'), lines.join(''));
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  for (const name of ['node_modules/@types/node', 'node_modules/undici-types']) {
    if (!existsSync(join(folder, name))) symlinkSync(resolve(name), join(folder, name));
  }
  const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext', '--types', 'node'];
  run(
    join(root, 'node_modules/.bin/tsc'),
    [...options, '--lib', 'es2024,esnext.disposable', 'types.ts'],
    folder,
  );
});

test('the lock file names no place to fetch from, and is the one that package.json asks for', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  for (const [path, entry] of Object.entries<Record<string, unknown>>(lock.packages)) {
    assert.equal(entry.resolved, undefined, path);
    if (path !== '') assert.match(String(entry.integrity), /^sha512-/, path);
  }
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
    assert.deepEqual(lock.packages[''][kind], manifest[kind]);
    for (const version of Object.values(manifest[kind])) assert.match(version, /^\d+\.\d+\.\d+$/);
  }
});

test('nothing is run when the package is installed', () => {
  const scripts = Object.keys(manifest.scripts);
  assert.deepEqual(
    scripts.filter((name) => /^(pre|post)?(install|prepare)$/.test(name)),
    [],
  );
});
