/** `ferry compat`: finds the module of the command that was asked for and loads no other. */
import type { Command } from 'commander';

/** Adds a command; `own` are the words after `--`, which belong to the program that is asked. */
type AddOne = (compat: Command, own: readonly string[]) => void;

/** Each command's module, loaded when it is needed, in the order in which they are used. */
const COMMANDS: Readonly<Record<string, () => Promise<AddOne>>> = {
  info: async () => (await import('./compat/info.ts')).addInfoCommand,
  list: async () => (await import('./compat/list.ts')).addListCommand,
  check: async () => (await import('./compat/check.ts')).addCheckCommand,
  explain: async () => (await import('./compat/explain.ts')).addExplainCommand,
  find: async () => (await import('./compat/find.ts')).addFindCommand,
  argv: async () => (await import('./compat/argv.ts')).addArgvCommand,
  choose: async () => (await import('./compat/choose.ts')).addChooseCommand,
  newer: async () => (await import('./compat/newer.ts')).addNewerCommand,
  lint: async () => (await import('./compat/lint.ts')).addLintCommand,
  apply: async () => (await import('./compat/apply.ts')).addApplyCommand,
  set: async () => (await import('./compat/set.ts')).addSetCommand,
  qemu: async () => (await import('./compat/qemu.ts')).addQemuCommand,
};

const HELP = `
WHERE is a migration info document (a file, or - for stdin), a program that prints one
(--print-migration-info-json), the control socket of a running device, or a device in sysfs. Arguments of the program's
own come last, after --. Nothing is instantiated, and nothing is changed except by apply and set.

Exit codes: 0 yes, 1 no, 3 unproven (what is documented does not say; ask the device with --run-check, or rehearse),
2 no answer: wrong usage, or something that cannot be read.

Examples:
  ferry compat check --from /run/fs.sock.ctl --to ferry-fs
  ferry compat find --from /run/fs.sock.ctl --among hosts/
  ferry compat argv --model a.com/nic --param queues=4 --to nic.json -0 | xargs -0 my-nic
  ferry compat qemu 10.0 11.1 --vm /run/vm.qmp`;

/** Adds the command, and below it the one that `words` asks for, or all of them where they name none that there is. */
export async function addCompatCommand(program: Command, words: readonly string[]): Promise<void> {
  const compat = program
    .command('compat')
    .summary('know before moving: whether a device, or a whole VM, can move there')
    .description(
      'Say whether a device or a VM can move to another implementation, before anything is touched.',
    )
    .addHelpText('after', HELP);
  const at = words.indexOf('compat');
  if (at < 0) return;
  const wanted = words.slice(at + 1).find((word) => !word.startsWith('-'));
  const load = wanted === undefined ? undefined : COMMANDS[wanted];
  const adds = await Promise.all((load === undefined ? Object.values(COMMANDS) : [load]).map((one) => one()));
  const dashes = words.indexOf('--');
  const own = dashes < 0 ? [] : words.slice(dashes + 1);
  for (const add of adds) add(compat, own);
  for (const command of compat.commands) command.allowExcessArguments(own.length > 0);
  compat.hook('preAction', (_, command) => checkOperands(command, own.length));
}

/** Commander counts the words after `--` as operands of the command. */
function checkOperands(command: Command, own: number): void {
  const { args, registeredArguments } = command;
  const given = args.length - own;
  const missing = registeredArguments.find(({ required }, index) => required && index >= given);
  if (missing !== undefined) command.error(`error: missing required argument '${missing.name()}'`);
  if (given > registeredArguments.length && registeredArguments.at(-1)?.variadic !== true)
    command.error(`error: too many arguments: '${args[registeredArguments.length]}'`);
}
