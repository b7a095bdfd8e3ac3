/** `ferry compat` on documents: what people read, what programs read, how it ends. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { after, test } from 'node:test';
import { NIC } from '../../support/compat/nic.ts';
import { NO_ANSWER, SHAPES } from './shapes.ts';
import { compat, Folder, json } from './support.ts';

const folder = new Folder();
after(() => folder[Symbol.dispose]());
const nic = folder.write('nic.json', NIC);

const MOVING = ['--model', 'a.com/nic', '--param', 'q=4'];

test('check: yes, no and unproven, each in its first word and its exit code', async () => {
  const yes = await compat('check', ...MOVING, '--to', nic);
  assert.deepEqual(yes, { status: 0, stdout: `yes: ${nic} can take a.com/nic\n`, stderr: '' });

  const no = await compat('check', '--model', 'a.com/nic', '--param', 'q=9', '--to', nic);
  assert.equal(no.status, 1);
  assert.match(no.stdout, /^no: .* cannot take a\.com\/nic\n {2}no {8}.*q=9.*1-8, 16.* → .*q=8\n$/);

  const unproven = await compat('check', ...MOVING, '--param', 'ring=512', '--to', nic);
  assert.equal(unproven.status, 3);
  assert.match(unproven.stdout, /^unproven: .* may be able to take .*\n {2}unproven {2}.*ring=512.*--check/);
});

test('check: for several destinations it is yes when all of them can take it', async () => {
  const other = folder.write('other.json', { models: { 'b.com/nic': NIC.models['a.com/nic'] } });
  const { status, stdout } = await compat('check', ...MOVING, '--to', nic, '--to', other);
  assert.equal(status, 1);
  assert.match(
    stdout,
    /^no: 1 of 2 destinations can take a\.com\/nic\n {2}yes {7}.*nic\.json\n {2}no {8}.*other\.json\n {4}no .*b\.com\/nic/,
  );
  const document = await json('check', ...MOVING, '--to', nic, '--to', other);
  assert.equal(document.answer, 'no');
  const [first, second] = document.destinations;
  assert.deepEqual(first?.argv, ['--m-fmt=v1', '--m-q=4', '--m-ring=0', '--m-rss=off']);
  assert.deepEqual([second?.argv, second?.reasons[0]?.code], [null, 'model']);
});

test('argv: one a line, with NUL, or as JSON; none where the answer is no', async () => {
  const lines = await compat('argv', ...MOVING, '--to', nic);
  assert.deepEqual(lines, {
    status: 0,
    stdout: '--m-fmt=v1\n--m-q=4\n--m-ring=0\n--m-rss=off\n',
    stderr: '',
  });
  const nul = await compat('argv', ...MOVING, '--to', nic, '-0');
  assert.equal(nul.stdout, lines.stdout.replaceAll('\n', '\0'));
  const document = await json('argv', ...MOVING, '--to', nic);
  assert.deepEqual(document.argv, lines.stdout.trimEnd().split('\n'));

  const no = await compat('argv', '--model', 'a.com/nic', '--param', 'q=9', '--to', nic);
  assert.deepEqual([no.status, no.stdout], [1, '']);
  assert.match(no.stderr, /^no: .*\n {2}no /);
  const unproven = await compat('argv', ...MOVING, '--param', 'ring=512', '--to', nic);
  assert.equal(unproven.status, 3);
  assert.match(unproven.stdout, /--m-ring=512\n/);
  assert.match(unproven.stderr, /^unproven: /);
});

test('list: what a new device has, and what it is told; it can be saved and given to --from, as text and as JSON', async () => {
  const text = await compat('list', nic, '--param', 'fmt=v1');
  assert.equal(text.stdout, 'a.com/nic\nq=4\nring=256\nrss=on\n');
  const document = await json('list', nic, '--param', 'fmt=v1');
  assert.equal(text.stderr, `digest ${document.list.digest}\n`);
  assert.equal(document.list.text, text.stdout);
  for (const saved of [text.stdout, JSON.stringify(document)]) {
    const from = folder.write('saved.list', saved);
    const { source } = await json('check', '--from', from, '--to', nic);
    assert.deepEqual(source.list, document.list);
  }
});

test('a file that is no list is told for what it is', async () => {
  for (const [content, message] of [
    ['not a list\n', /expected a domain name and a path/],
    ['a.com/nic\nq\n', /found no =, expected name=value/],
    ['a.com/nic\nq=4', /does not end with a newline/],
    [JSON.stringify({ version: 1, command: 'list', list: { text: 'x' } }), /ERR_COMPAT_LIST/],
    [JSON.stringify({ version: 1, command: 'list', list: 4 }), /ERR_DISCOVER_DOCUMENT/],
    ['\ud800', /ERR_/],
    [' '.repeat(4_194_305), /ERR_DISCOVER_SIZE/],
    ['', /ERR_DISCOVER_DOCUMENT/],
  ] as const) {
    const from = folder.write('no.list', content);
    const { status, stderr } = await compat('check', '--from', from, '--to', nic);
    assert.equal(status, 2);
    assert.match(stderr, message);
  }
});

test('a document as the source is a new device of it', async () => {
  const { answer, source } = await json('check', '--from', nic, '--param', 'q=16', '--to', nic);
  assert.deepEqual(source.list.parameters, { fmt: 'v2', q: '16', ring: '256', rss: 'on' });
  assert.equal(answer, 'yes');
});

test('explain: a row for each parameter of either side', async () => {
  const { status, stdout } = await compat('explain', ...MOVING, '--param', 'tso=on', '--to', nic);
  assert.equal(status, 1);
  assert.match(stdout, /^no: .*\n {12}PARAMETER +HAS +THERE +ALLOWED +OFF\n/);
  assert.match(stdout, /\n {2}no {8}tso +on +- +- +- +The destination does not know tso/);
  assert.match(stdout, /\n {2}yes {7}fmt +- +v1 +v1, v2 +v1 /);
  const document = await json('explain', ...MOVING, '--param', 'tso=on', '--to', nic);
  assert.deepEqual(
    document.parameters.map(({ parameter, given, answer }) => [parameter, given, answer]),
    [
      ['fmt', 'v1', 'yes'],
      ['q', '4', 'yes'],
      ['ring', '0', 'yes'],
      ['rss', 'off', 'yes'],
      ['tso', null, 'no'],
    ],
  );
});

test('info: models with their parameters, versions and rules', async () => {
  const full = folder.write('full.json', {
    models: {
      'a.com/nic': {
        params: {
          q: { type: 'int', init_value: 4, allowed_values: ['0-18446744073709551615'], 'x-since': 2 },
          fmt: {
            type: 'str',
            init_value: 'v2',
            off_value: 'v1',
            allowed_values: ['v1', 'v2'],
            'x-live': 'state',
          },
        },
        versions: ['1'],
        profiles: { big: { q: 64, fmt: 'v2' } },
        'x-constraints': [{ any: [{ fmt: ['v1'] }, { q: ['1-100'] }] }],
      },
    },
  });
  const { status, stdout } = await compat('info', full);
  assert.equal(status, 0);
  assert.match(stdout, /^a\.com\/nic at .*full\.json: 2 parameters\n/);
  assert.match(stdout, /\n {2}fmt +str +v2 +v1 +v1, v2 +\(live\)\n/);
  assert.match(stdout, /\n {2}q +int +4 +never +0-18446744073709551615 +2\n/);
  assert.match(stdout, /\n {2}profile +big +fmt=v2 q=64\n/);
  assert.match(stdout, /\n {2}rule +\S/);
  const { models } = await json('info', full);
  assert.deepEqual(models[0]?.parameters[1]?.allowed, ['0-18446744073709551615']);
  assert.equal(models[0]?.rules.length, 1);
});

test('lint: file, line and column, and 1 where there are errors', async () => {
  const fine = await compat('lint', nic);
  assert.deepEqual(fine, { status: 0, stdout: `yes: nothing is wrong in ${nic}\n`, stderr: '' });
  const bad = folder.write(
    'bad.json',
    '{"models": {"a.com/nic": {"params": {\n  "q": {"type": "int", "init_value": 4, "allowed_values": ["5-1"]}}}}}',
  );
  const { status, stdout } = await compat('lint', bad, nic);
  assert.equal(status, 1);
  assert.match(stdout, /^no: \d+ errors? in 2 documents\n/);
  assert.match(stdout, /bad\.json:2:\d+: error: .*\/models\/a\.com~1nic\/params\/q\/allowed_values/);
  const document = await json('lint', bad, nic);
  assert.equal(document.documents[0]?.findings[0]?.line, 2);
});

test('what cannot be read is no answer: 2, on stderr, and as JSON where that was asked for', async () => {
  const bad = folder.write('broken.json', '{"models": ');
  for (const where of [bad, `${folder.path}/nothing.json`, folder.path]) {
    const { status, stdout, stderr } = await compat('check', ...MOVING, '--to', where, '--json');
    assert.equal(status, 2);
    assert.match(stderr, /^ferry compat check: .* \(ERR_[A-Z_]+\)\n$/);
    const { error } = NO_ANSWER.parse(JSON.parse(stdout));
    assert.ok(stderr.includes(error.code));
  }
});

test('--run-check: the program itself turns what is unproven into yes or no', async () => {
  const program = folder.write(
    'my-nic',
    `#!/bin/sh
case "$*" in
  *--print-migration-info-json*) exec cat ${nic} ;;
  *ring=512*--check) printf 'ring 512 is\\033[2J too large\\n' >&2; exit 1 ;;
  *ring=300*--check) exit 0 ;;
  *) exit 7 ;;
esac
`,
  );
  chmodSync(program, 0o755);
  const asked = (ring: number, ...words: string[]) =>
    compat('check', ...MOVING, '--param', `ring=${ring}`, '--to', program, ...words);
  assert.equal((await asked(512)).status, 3);
  const no = await asked(512, '--run-check');
  assert.equal(no.status, 1);
  assert.match(no.stdout, /^no: .*\n {2}no {8}.* refuses: ring 512 is\\x1b\[2J too large\n/);
  assert.equal((await asked(300, '--run-check')).status, 0);
  const crash = await asked(400, '--run-check');
  assert.deepEqual([crash.status, crash.stdout], [2, '']);
  assert.match(crash.stderr, /exit status 7.*ERR_DISCOVER_CRASH/);
  const file = await compat('check', ...MOVING, '--to', nic, '--run-check');
  assert.equal(file.status, 2);
  assert.match(file.stderr, /only a program can check arguments itself/);
  const two = await compat('check', '--from', program, '--to', program, '--', '--own');
  assert.equal(two.status, 2);
  assert.match(two.stderr, /are programs: which of them the arguments after -- belong to is not clear/);
});

for (const [words, message] of [
  [['check', '--to', nic], /nothing says what moves: '--from <where>'/],
  [['check', ...MOVING], /required option '--to <where>' not specified/],
  [['check', ...MOVING, '--too', nic], /unknown option '--too'\n\(Did you mean --to\?\)/],
  [['check', '--model', 'a.com/nic', '--param', 'q', '--to', nic], /found no =, expected name=value/],
  [['check', '--from', nic, '--version', 'none', '--to', nic], /--version: found "none"/],
  [['check', '--from', nic, '--param', 'q=9', '--to', nic], /--param q: found 9, expected 1-8, 16/],
  [['check', ...MOVING, '--to', nic, '--', '--memory'], /no program was asked/],
  [['check', 'stray', ...MOVING, '--to', nic], /too many arguments/],
  [['info'], /missing required argument 'where'/],
  [['info', '--', '--memory'], /missing required argument 'where'/],
  [['info', nic, 'stray'], /too many arguments/],
  [['find', ...MOVING], /required option '--among <inventory>' not specified/],
  [['choose', '--among', '.', '--at-least', '0'], /expected a number from 1 on/],
  [['choose', '--among', '.', '--as', 'shell'], /Allowed choices are text, list, argv/],
  [['apply', ...MOVING], /required option '--sysfs <path>' not specified/],
  [['set', 'a', '--control', 'x'], /found 'a', expected name=value/],
  [['chek'], /unknown command 'chek'\n\(Did you mean check\?\)/],
] as const)
  test(`wrong usage: ferry compat ${words.join(' ').replaceAll(folder.path, '…')}`, async () => {
    const { status, stdout, stderr } = await compat(...words);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, message);
  });

test('every command has a help that says what it does', async () => {
  const { status, stdout } = await compat('--help');
  assert.equal(status, 0);
  for (const command of Object.keys(SHAPES)) assert.match(stdout, new RegExp(`\n  ${command} `));
  for (const command of Object.keys(SHAPES)) {
    const help = await compat(command, '--help');
    assert.equal(help.status, 0);
    assert.match(help.stdout, /--json/);
  }
});
