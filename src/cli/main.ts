/** The `ferry` command: finds the module of the command that was asked for and loads no other. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { asError, FerryError } from '../errors.ts';
import { ExitCode } from './exit-codes.ts';

/** Adds a command to the program. What has commands of its own looks into the words for the one that is asked for. */
type Add = (program: Command, words: readonly string[]) => void | Promise<void>;

/** Each command's module, loaded when it is needed. */
const COMMANDS: Readonly<Record<string, () => Promise<Add>>> = {
  compat: async () => (await import('./compat.ts')).addCompatCommand,
  demo: async () => (await import('./demo.ts')).addDemoCommand,
  doctor: async () => (await import('./doctor.ts')).addDoctorCommand,
  migrate: async () => (await import('./migrate.ts')).addMigrateCommand,
  probe: async () => (await import('./probe.ts')).addProbeCommand,
  serve: async () => (await import('./serve.ts')).addServeCommand,
};

/** Commands that `ferry` starts itself with: no help speaks of them. */
const INTERNAL: Readonly<Record<string, () => Promise<Add>>> = {
  'demo-destination': async () => (await import('./demo/machine-destination.ts')).addDemoDestinationCommand,
};

const EXAMPLES = `Examples:
  ferry demo                                              show a running VM move, with its files
  ferry migrate --qmp /run/a.qmp --to-qmp /run/b.qmp      move the guest of one QEMU to another
  ferry probe /run/fs.sock                                ask a back end what it offers
  ferry compat check --from a.ctl --to b.json             say whether a device can move there, and why not
`;

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version);
  throw new FerryError('ERR_CLI_VERSION', 'package.json holds no version');
}

/** The program with the command that `words` names, or with all of them when it names none that there is. */
async function build(words: readonly string[]): Promise<Command> {
  const program = new Command('ferry')
    .description(
      'Moves the devices of a running virtual machine from one process to another, while the guest runs on.',
    )
    .version(version(), '-V, --version')
    .addHelpText('before', EXAMPLES)
    .showHelpAfterError('(--help shows what there is)')
    .enablePositionalOptions()
    .exitOverride();
  const wanted = words.find((word) => !word.startsWith('-'));
  const load = wanted === undefined ? undefined : (COMMANDS[wanted] ?? INTERNAL[wanted]);
  const adds = await Promise.all((load === undefined ? Object.values(COMMANDS) : [load]).map((one) => one()));
  for (const add of adds) await add(program, words);
  return program;
}

/** Run the command line `words`. Sets the exit code and never throws. */
async function main(words: readonly string[]): Promise<void> {
  const program = await build(words);
  if (words.length === 0) {
    program.outputHelp();
    return;
  }
  try {
    await program.parseAsync([...words], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
      return;
    }
    const { message } = asError(error);
    const code = error instanceof FerryError ? ` (${error.code})` : '';
    process.stderr.write(`ferry: ${message}${code}\n`);
    process.exitCode = ExitCode.failed;
  }
}

await main(process.argv.slice(2));
