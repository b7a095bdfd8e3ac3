import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { API } from 'typescript/unstable/sync';
import { checkProject } from '../../../tools/layers/check.ts';
import { checkText } from '../../../tools/layers/words.ts';

const compiler = new API({ cwd: tmpdir() });
after(() => compiler.close());

const compilerOptions = {
  target: 'es2024',
  module: 'nodenext',
  noEmit: true,
  allowImportingTsExtensions: true,
  types: [],
};

/** A project in which every rule is kept. */
const clean = {
  'tsconfig.json': JSON.stringify({ compilerOptions, include: ['src', 'test', 'examples'] }),
  'src/errors.ts': 'export class FerryError extends Error {}\n',
  'src/sys/index.ts': "export { open } from './open.ts';\n",
  'src/sys/open.ts':
    "import { load } from 'koffi';\nimport { FerryError } from '../errors.ts';\n" +
    '/** Opens. */\nexport function open(): unknown {\n  return load(FerryError);\n}\n' +
    'export async function later(): Promise<number> {\n  return 1;\n}\n',
  'src/qmp/index.ts': "export { ask } from './ask.ts';\n",
  'src/qmp/ask.ts':
    "import { open } from '../sys/index.ts';\n/** Asks. */\nexport function ask(): unknown {\n  return open();\n}\n",
  'src/devices/fs/index.ts': "export { serve } from './serve.ts';\n",
  'src/devices/fs/serve.ts': "import { ask } from '../../qmp/index.ts';\nexport const serve = ask;\n",
  'test/guest/move.test.ts': "import { ask } from '../../src/qmp/index.ts';\nask();\n",
  'test/unit/open.test.ts': "import { open } from '../../src/sys/open.ts';\nopen();\n",
  'examples/hello.ts': "import { ask } from 'ferry/qmp';\nask();\n",
};

function rulesBroken(planted: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'ferry-layers-'));
  try {
    for (const [path, text] of Object.entries({ ...clean, ...planted })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return checkProject(compiler, root).map(({ path, line, rule }) => `${path}:${line} ${rule}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('a project that keeps every rule has no findings', () => {
  assert.deepEqual(rulesBroken({}), []);
});

const planted: readonly [what: string, files: Record<string, string>, found: readonly string[]][] = [
  [
    'an import from a higher floor',
    { 'src/memory/slot.ts': "import { ask } from '../qmp/index.ts';\nask();\n" },
    ['src/memory/slot.ts:1 layer'],
  ],
  [
    'an import from the same floor, for types alone',
    { 'src/launch/run.ts': "export type A = typeof import('../qmp/index.ts');\n" },
    ['src/launch/run.ts:1 layer'],
  ],
  [
    'a device that knows another device',
    { 'src/devices/blk/b.ts': "import { serve } from '../fs/index.ts';\nserve();\n" },
    ['src/devices/blk/b.ts:1 layer'],
  ],
  [
    'channels that know a kind of payload, and a kind that knows them',
    {
      'src/engine/payloads/index.ts': "export { ram } from './ram.ts';\n",
      'src/engine/payloads/ram.ts':
        "import { channel } from '../channels/index.ts';\n/** RAM. */\nexport const ram = channel;\n",
      'src/engine/channels/index.ts': "export { channel } from './channel.ts';\n",
      'src/engine/channels/channel.ts':
        "import { ram } from '../payloads/index.ts';\n/** A channel. */\nexport const channel = typeof ram;\n",
    },
    ['src/engine/channels/channel.ts:1 layer'],
  ],
  [
    'an import past a door, at run time',
    { 'src/qmp/x.ts': "export const later = () => import('../sys/open.ts');\n" },
    ['src/qmp/x.ts:1 door'],
  ],
  [
    'a test beside real peers that reaches past a door',
    { 'test/guest/x.test.ts': "import { open } from '../../src/sys/open.ts';\nopen();\n" },
    ['test/guest/x.test.ts:1 door'],
  ],
  [
    'an example that imports by path',
    { 'examples/x.ts': "import { ask } from '../src/qmp/index.ts';\nask();\n" },
    ['examples/x.ts:1 door'],
  ],
  [
    'a source that imports the package',
    { 'src/qmp/x.ts': "export type Q = typeof import('ferry/qmp');\n" },
    ['src/qmp/x.ts:1 door'],
  ],
  [
    'a door with code in it',
    { 'src/sys/index.ts': "export { open } from './open.ts';\nexport const a = 1;\n" },
    ['src/sys/index.ts:2 door'],
  ],
  [
    'a door that passes on everything',
    { 'src/sys/index.ts': "export * from './open.ts';\n" },
    ['src/sys/index.ts:1 door'],
  ],
  [
    'a barrel inside a room',
    { 'src/qmp/all.ts': "export { ask } from './ask.ts';\n" },
    ['src/qmp/all.ts:1 barrel'],
  ],
  [
    'a file that imports its own door',
    { 'src/qmp/x.ts': "import { ask } from './index.ts';\nask();\n" },
    ['src/qmp/x.ts:1 barrel'],
  ],
  [
    'the FFI outside sys/',
    { 'src/qmp/x.ts': "import { load } from 'koffi';\nload();\n" },
    ['src/qmp/x.ts:1 package'],
  ],
  ['a folder that no floor knows', { 'src/utils/x.ts': 'export const x = 1;\n' }, ['src/utils/x.ts:1 room']],
  [
    'sources that import a test',
    { 'src/qmp/x.ts': "import '../../test/unit/open.test.ts';\n" },
    ['src/qmp/x.ts:1 layer'],
  ],
  [
    'errors.ts with an import of a room',
    { 'src/errors.ts': "import './sys/index.ts';\nexport class FerryError extends Error {}\n" },
    ['src/errors.ts:1 layer'],
  ],
  ['a default export', { 'src/qmp/x.ts': 'const x = 1;\nexport default x;\n' }, ['src/qmp/x.ts:2 default']],
  ['a default function', { 'src/qmp/x.ts': 'export default function x() {}\n' }, ['src/qmp/x.ts:1 default']],
  ['an enum', { 'src/qmp/x.ts': 'export enum X { A }\n' }, ['src/qmp/x.ts:1 enum']],
  ['any', { 'src/qmp/x.ts': 'export const x = (y: unknown) => y as any;\n' }, ['src/qmp/x.ts:1 any']],
  [
    'a silenced compiler',
    { 'src/qmp/x.ts': `// ${'@ts'}-ignore\nexport const x = 1;\n` },
    ['src/qmp/x.ts:1 leftover'],
  ],
  [
    'a note to come back',
    { 'src/qmp/x.ts': `export const x = 1; // ${'TO'}DO\n` },
    ['src/qmp/x.ts:1 leftover'],
  ],
  ['a file of 501 lines', { 'src/qmp/x.ts': 'export {};\n'.repeat(501) }, ['src/qmp/x.ts:1 length']],
  [
    'a public function without a comment',
    { 'src/qmp/ask.ts': 'export function ask() {}\n' },
    ['src/qmp/ask.ts:1 comment'],
  ],
  [
    'a public class without a comment',
    { 'src/qmp/ask.ts': 'export class ask {}\n', 'test/guest/move.test.ts': '' },
    ['src/qmp/ask.ts:1 comment'],
  ],
  [
    'a promise that nobody awaits',
    { 'src/sys/x.ts': "import { later } from './open.ts';\nlater();\n" },
    ['src/sys/x.ts:2 promise'],
  ],
  [
    'a promise that is waved away',
    { 'src/sys/x.ts': "import { later } from './open.ts';\nvoid later();\n" },
    ['src/sys/x.ts:2 promise'],
  ],
  [
    'a skipped test',
    { 'test/unit/x.test.ts': "declare const test: { skip(name: string): void };\ntest.skip('x');\n" },
    ['test/unit/x.test.ts:2 skipped'],
  ],
  [
    'a lonely test',
    {
      'test/unit/x.test.ts':
        "declare function test(name: string, o: object): void;\ntest('x', { only: true });\n",
    },
    ['test/unit/x.test.ts:2 skipped'],
  ],
];

for (const [what, files, found] of planted) {
  test(`found: ${what}`, () => {
    assert.deepEqual(rulesBroken(files), found);
  });
}

test('a promise with a handler is not lost', () => {
  const handled =
    "import { later } from './open.ts';\nlater().catch(() => 2);\nlater().then(() => 1, () => 2);\nawait later();\n";
  assert.deepEqual(rulesBroken({ 'src/sys/x.ts': handled }), []);
});

for (const text of [
  ['https://registry', 'npmjs.org/x'].join('.'),
  ['http://deb', 'debian.org/debian'].join('.'),
  ['cd ', 'work/main'].join('/'),
  ['as DESIGN', 'md says'].join('.'),
  ['see issue', '#12'].join(' '),
]) {
  test(`found: the words ${JSON.stringify(text)}`, () => {
    assert.deepEqual(
      checkText('a.md', `fine\n${text}\n`).map(({ line, rule }) => [line, rule]),
      [[2, 'words']],
    );
  });
}
