/** What a document says never acts on the terminal that it is shown on, and never fills it. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { printable } from '../../../src/cli/compat/printable.ts';
import { SHAPES } from './shapes.ts';
import { compat, Folder } from './support.ts';

const folder = new Folder();
after(() => folder[Symbol.dispose]());

/** Erasing the screen, a title, C1's one-byte introducer, and writing from right to left. */
const EVIL = '\u001b[2J\u001b]0;title\u0007\u009b31m\u202eoff\u2028';
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** A document with `EVIL` wherever text may be. */
const evil = folder.write('evil.json', {
  models: {
    'a.com/nic\u202e': {
      params: {
        fmt: { type: 'str', init_value: EVIL, allowed_values: [EVIL, 'v2'], description: EVIL },
        '\u202eq': { type: 'int', init_value: 1 },
      },
      profiles: {},
    },
  },
});

function assertSafe(text: string, what: string): void {
  assert.doesNotMatch(text.replaceAll('\n', ''), HIDDEN, what);
}

test('control characters, hidden ones and turns of direction are escaped', () => {
  assert.equal(printable('a\u001b[31m\n\u009b\u202e\ud800é✓'), 'a\\x1b[31m ↵ \\x9b\\u{202e}\\u{d800}é✓');
});

for (const command of ['info', 'list', 'lint'] as const)
  test(`${command} of a hostile document is safe on a terminal, and loses nothing as JSON`, async () => {
    const terminal = await onTerminal(() => compat(command, evil, '--all'));
    assertSafe(terminal.stdout, 'stdout');
    assertSafe(terminal.stderr, 'stderr');
    const { stdout } = await compat(command, evil, '--json');
    assertSafe(stdout, 'json');
    const document = SHAPES[command].parse(JSON.parse(stdout));
    if (document.command === 'list') assert.equal(document.list.parameters.fmt, EVIL);
    if (document.command === 'info') assert.equal(document.models[0]?.parameters[0]?.description, EVIL);
  });

test('where stdout is no terminal, lists and arguments are what they are', async () => {
  const { stdout } = await compat('list', evil);
  assert.ok(stdout.includes(`fmt=${EVIL}\n`));
});

test('errors repeat no control character of what was given', async () => {
  const given = [`${EVIL}.json`, folder.write('open.json', `{"${EVIL}`)];
  for (const where of given) {
    const { status, stderr } = await compat('info', where);
    assert.equal(status, 2);
    assertSafe(stderr, where);
  }
});

test('a long document is shown in part, and whole with --all', async () => {
  const params = Object.fromEntries(
    Array.from({ length: 500 }, (_, at) => [
      `p${at}`,
      {
        type: 'str',
        init_value: 'x',
        off_value: 'x',
        allowed_values: ['x', ...Array.from({ length: 100 }, (_v, n) => `value${n}`)],
      },
    ]),
  );
  const long = folder.write('long.json', { models: { 'a.com/long': { params } } });
  const short = await compat('info', long);
  assert.ok(short.stdout.length < 4_000, `${short.stdout.length} characters`);
  assert.match(short.stdout, /… 481 more \(--all shows them\)/);
  const whole = await compat('info', long, '--all');
  assert.match(whole.stdout, /\n {2}p499 .*value99/);

  const changes = Array.from({ length: 300 }, (_, at) => ['--param', `p${at}=no`]).flat();
  const check = await compat('check', '--model', 'a.com/long', ...changes, '--to', long);
  assert.equal(check.status, 1);
  assert.ok(check.stdout.split('\n').length < 20);
  assert.match(check.stdout, /… 292 more/);
});

/** What `run` gives while stdout says that it is a terminal. */
async function onTerminal<T>(run: () => Promise<T>): Promise<T> {
  const { isTTY } = process.stdout;
  const { FORCE_COLOR } = process.env;
  process.stdout.isTTY = true;
  process.env.FORCE_COLOR = '0';
  try {
    return await run();
  } finally {
    process.stdout.isTTY = isTTY;
    if (FORCE_COLOR === undefined) delete process.env.FORCE_COLOR;
    else process.env.FORCE_COLOR = FORCE_COLOR;
  }
}
