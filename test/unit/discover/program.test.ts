import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { check, parseInfo, parseList } from '../../../src/compat/index.ts';
import { checkProgram, DocumentError, discover, prove } from '../../../src/discover/index.ts';
import { assertRejects, Folder, NIC_TEXT } from './support.ts';

const PRINT = `[ "$1" = --print-migration-info-json ] || exit 2\ncat <<'END'\n${NIC_TEXT}\nEND`;

describe('a document from a program', () => {
  it('is what it prints, with its own arguments before the option and nothing on its stdin', async () => {
    using folder = new Folder();
    const program = folder.script(
      'my nic',
      `printf '%s\\n' "$@" > "$0.args"; cat > "$0.stdin"; cat <<'END'\n${NIC_TEXT}\nEND`,
    );
    const odd = ['--disk', 'a b', '-x', '$(touch never)', ''];
    const found = await discover([program, ...odd]);
    assert.deepEqual([...found.info.models.keys()], ['a.com/nic']);
    assert.deepEqual(found.from, { kind: 'program', argv: [program, ...odd] });
    assert.equal(
      readFileSync(`${program}.args`, 'utf8'),
      [...odd, '--print-migration-info-json', ''].join('\n'),
    );
    assert.equal(readFileSync(`${program}.stdin`, 'utf8'), '');
    assert.ok(found.where.includes('"a b" -x'), found.where);
  });

  it('is found by the file of a program, also where that begins with a dash', async () => {
    using folder = new Folder();
    folder.script('-nic', PRINT);
    const before = process.cwd();
    process.chdir(folder.path);
    try {
      const { from } = await discover('-nic');
      assert.deepEqual(from, { kind: 'program', argv: [join(folder.path, '-nic')] });
    } finally {
      process.chdir(before);
    }
  });

  it('is found by the name of a program on PATH, which gets arguments of its own', async () => {
    using folder = new Folder();
    folder.script('ferry-test-nic', `[ "$1" = --blocks ] && shift 2\n${PRINT}`);
    const before = process.env.PATH;
    process.env.PATH = `${folder.path}:${before}`;
    try {
      const { from } = await discover('ferry-test-nic', { arguments: ['--blocks', '512'] });
      assert.deepEqual(from, { kind: 'program', argv: ['ferry-test-nic', '--blocks', '512'] });
    } finally {
      process.env.PATH = before;
    }
  });

  it('keeps the findings of a document with errors', async () => {
    using folder = new Folder();
    const program = folder.script('p', 'echo \'{"models": {"a.com/nic": {"params": {"q": {}}}}}\'');
    const error = await assertRejects(discover([program]), 'ERR_DISCOVER_DOCUMENT', /line 1, column \d+/);
    assert.ok(error instanceof DocumentError);
    assert.ok(error.findings.some(({ level }) => level === 'error'));
    assert.ok(error.text.startsWith('{"models"'));
  });

  /** What a program does instead, and what is said of it. */
  const HOSTILE: readonly [what: string, body: string, code: string, message: RegExp][] = [
    [
      'exits with 1',
      'echo no card here >&2; exit 1',
      'ERR_DISCOVER_REFUSED',
      /cannot be instantiated so: no card here$/,
    ],
    ['exits with 1 and silence', 'exit 1', 'ERR_DISCOVER_REFUSED', /gave no reason/],
    [
      'exits with 3',
      'echo ohoh >&2; exit 3',
      'ERR_DISCOVER_CRASH',
      /exit status 3, expected exit status 0 or 1: ohoh/,
    ],
    ['prints a document and exits with 3', `${PRINT}\nexit 3`, 'ERR_DISCOVER_CRASH', /exit status 3/],
    ['dies by a signal', 'kill -SEGV $$', 'ERR_DISCOVER_CRASH', /signal SIGSEGV/],
    [
      'does not know the option',
      'echo "nic: unrecognized option \'$1\'" >&2; exit 1',
      'ERR_DISCOVER_NONE',
      /does not know --print-migration-info-json/,
    ],
    ['prints nothing', 'exit 0', 'ERR_DISCOVER_OUTPUT', /printed nothing, and it gave no reason/],
    [
      'prints to stderr alone',
      `cat >&2 <<'END'\n${NIC_TEXT}\nEND`,
      'ERR_DISCOVER_OUTPUT',
      /printed nothing: \{"models"/,
    ],
    [
      'prints something before',
      `echo Starting; ${PRINT}`,
      'ERR_DISCOVER_OUTPUT',
      /besides a document: "Starting/,
    ],
    ['prints something behind', `${PRINT}\necho Bye`, 'ERR_DISCOVER_OUTPUT', /besides a document: .*Bye"$/],
    ['prints two documents', `${PRINT}\necho '{}'`, 'ERR_DISCOVER_DOCUMENT', /line 2, column 1/],
    [
      'prints what is no UTF-8',
      'printf \'{"models": "\\377"}\'',
      'ERR_DISCOVER_TEXT',
      /15 bytes that are not UTF-8/,
    ],
    [
      'prints without end',
      'exec cat /dev/zero',
      'ERR_DISCOVER_OUTPUT',
      /more than 4194304 bytes and was killed/,
    ],
    ['prints 100 MB', 'head -c 100000000 /dev/zero', 'ERR_DISCOVER_OUTPUT', /more than 4194304 bytes/],
    [
      'does not end',
      'echo working >&2; exec sleep 60',
      'ERR_DISCOVER_DEADLINE',
      /did not end within 300 ms and was killed: working$/,
    ],
    ['writes to stderr without end', 'exec cat /dev/zero >&2', 'ERR_DISCOVER_DEADLINE', /within 300 ms/],
  ];

  for (const [what, body, code, message] of HOSTILE)
    it(`is none where a program ${what}`, async () => {
      using folder = new Folder();
      const program = folder.script('p', body);
      const deadline = code === 'ERR_DISCOVER_DEADLINE' ? 300 : 20_000;
      await assertRejects(discover([program], { deadline }), code, message);
    });

  it('is none where something keeps the output of a program open', async () => {
    using folder = new Folder();
    const program = folder.script('p', `${PRINT}\nsleep 60 & echo $! > "$0.pid"`);
    try {
      await assertRejects(
        discover([program]),
        'ERR_DISCOVER_OUTPUT',
        /something that it started keeps its output open/,
      );
    } finally {
      process.kill(Number(readFileSync(`${program}.pid`, 'utf8')), 'SIGKILL');
    }
  });

  it('is none where there is no program, or it is no program', async () => {
    using folder = new Folder();
    const text = folder.file('text', 'no program');
    await assertRejects(
      discover([join(folder.path, 'none')]),
      'ERR_DISCOVER_START',
      /none could not be started: .*ENOENT/,
    );
    await assertRejects(discover([text]), 'ERR_DISCOVER_START', /EACCES/);
    await assertRejects(discover([folder.path]), 'ERR_DISCOVER_START', /EACCES/);
  });

  it('is not waited for once that is cancelled', async () => {
    using folder = new Folder();
    const program = folder.script('p', 'exec sleep 60');
    const controller = new AbortController();
    const work = discover([program], { signal: controller.signal });
    controller.abort(new Error('Enough'));
    await assert.rejects(work, /Enough/);
    await assert.rejects(discover([program], { signal: controller.signal }), /Enough/);
  });
});

describe("a program's own check", () => {
  const CHECKS = `
for last; do :; done
[ "$last" = --check ] || exit 9
printf '%s ' "$@" > "$0.args"
case "$*" in
*--m-ring=512*) exit 0 ;;
*--m-ring=513*) echo 'ring: 513 is odd' >&2; echo 'choose another' >&2; exit 1 ;;
*) exit 4 ;;
esac`;

  it('says yes, no with its whole reason, or is an error', async () => {
    using folder = new Folder();
    const program = folder.script('p', CHECKS);
    assert.deepEqual(await checkProgram([program, '-v'], ['--m-ring=512']), { answer: 'yes' });
    assert.equal(readFileSync(`${program}.args`, 'utf8'), '-v --m-ring=512 --check ');
    assert.deepEqual(await checkProgram([program], ['--m-ring=513']), {
      answer: 'no',
      reason: 'ring: 513 is odd\nchoose another',
    });
    await assertRejects(checkProgram([program], []), 'ERR_DISCOVER_CRASH', /exit status 4/);
    const old = folder.script('old', 'echo "unknown option \'--check\'" >&2; exit 1');
    await assertRejects(checkProgram([old], []), 'ERR_DISCOVER_NONE', /does not know --check/);
    const slow = folder.script('slow', 'exec sleep 60');
    await assertRejects(checkProgram([slow], [], { deadline: 100 }), 'ERR_DISCOVER_DEADLINE', /100 ms/);
  });

  it('turns what is unproven into yes or no', async () => {
    using folder = new Folder();
    const program = folder.script('p', CHECKS);
    const info = parseInfo(NIC_TEXT);
    const unproven = (ring: number) =>
      check(parseList({ model: 'a.com/nic', params: ['q=4', `ring=${ring}`] }), info);
    assert.equal(unproven(512).answer, 'unproven');
    const yes = await prove(unproven(512), info, [program]);
    assert.deepEqual([yes.answer, yes.reasons], ['yes', []]);
    assert.equal(
      readFileSync(`${program}.args`, 'utf8'),
      '--m-fmt=v1 --m-q=4 --m-ring=512 --m-rss=off --check ',
    );
    const no = await prove(unproven(513), info, [program]);
    assert.equal(no.answer, 'no');
    assert.deepEqual([no.reasons[0]?.code, no.reasons[0]?.where], ['refused', program]);
    assert.match(no.reasons[0]?.message ?? '', /513 is odd\nchoose another/);
  });

  it('is not run where the answer was no', async () => {
    using folder = new Folder();
    const program = folder.script('p', 'touch "$0.ran"');
    const info = parseInfo(NIC_TEXT);
    const verdict = check(parseList({ model: 'a.com/nic', params: ['q=9'] }), info);
    assert.equal((await prove(verdict, info, [program])).answer, 'no');
    assert.ok(!existsSync(`${program}.ran`));
  });
});
