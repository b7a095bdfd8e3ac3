/**
 * Format, lint, types, layers and house rules in one go; the exit code is 1 when one of them objects.
 *
 *     npm run lint [-- PATH…]     only what concerns these files and folders
 *     npm run lint -- --fix       writes what the formatter and the linter can mend by themselves
 */
import { spawn } from 'node:child_process';
import { parseArgs, styleText } from 'node:util';
import { checkLayers } from '../layers/check.ts';
import { describeFinding, type Finding } from '../layers/finding.ts';
import { checkWords } from '../layers/words.ts';

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly text: string;
}

const root = process.cwd();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { fix: { type: 'boolean', default: false } },
});
const wanted = positionals.map((path) => path.replace(/^\.\/|\/$/g, ''));

/** Whether a line that starts with a path is about what was asked for. */
function concerns(line: string): boolean {
  return wanted.length === 0 || wanted.some((path) => line.startsWith(path));
}

async function run(program: string, args: string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(`node_modules/.bin/${program}`, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  return { code, text };
}

async function lint(): Promise<Outcome> {
  const mode = values.fix ? ['check', '--write'] : ['ci'];
  const colors = process.stdout.isTTY ? 'force' : 'off';
  const options = [
    `--colors=${colors}`,
    '--no-errors-on-unmatched',
    '--max-diagnostics=50',
    '--error-on-warnings',
  ];
  const { code, text } = await run('biome', [...mode, ...options, ...(wanted.length ? wanted : ['.'])]);
  return { name: 'biome', ok: code === 0, text: code === 0 ? '' : text };
}

async function types(): Promise<Outcome> {
  const { code, text } = await run('tsc', ['--noEmit', '--pretty', 'false', '-p', '.']);
  if (code === 0) return { name: 'types', ok: true, text: '' };
  const messages = text.split(/\n(?=\S)/).filter(concerns);
  return { name: 'types', ok: messages.length === 0, text: messages.join('\n') };
}

function rules(name: string, findings: readonly Finding[]): Outcome {
  const about = findings.filter((finding) => concerns(finding.path));
  const ok = about.every((finding) => finding.severity === 'warning');
  return { name, ok, text: about.map(describeFinding).join('\n') };
}

const outcomes = [
  ...(await Promise.all([lint(), types()])),
  rules('layers', checkLayers(root)),
  rules('words', checkWords(root)),
];
for (const { name, ok, text } of outcomes) {
  console.log(`${ok ? styleText('green', '✔') : styleText('red', '✖')} ${name}`);
  if (text.trim() !== '') console.log(text.trimEnd());
}
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1;
