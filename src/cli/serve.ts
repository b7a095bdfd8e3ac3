import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import { ControlServer, controlPath } from '../control/index.ts';
import { DEFAULT_SETTINGS, type ServeOptions, serve } from '../device/index.ts';
import { fsOptions } from '../devices/fs/index.ts';
import { asError } from '../errors.ts';
import { ExitCode } from './exit-codes.ts';
import { formatSize, parseSeconds, parseSize } from './quantities.ts';

/** Options of every device. Values stay text until it is clear that they are used. */
interface Flags {
  readonly socketPath?: string;
  readonly fd?: string;
  readonly printCapabilities?: boolean;
  readonly printDescriptor?: boolean;
  readonly controlPath?: string;
  readonly control: boolean;
  readonly stateChannel: 'front-end' | 'own';
  readonly stallTimeout?: string;
  readonly transferTimeout?: string;
  readonly maxState?: string;
  readonly keep?: string;
  readonly spin?: string;
}

interface FsFlags extends Flags {
  readonly memory?: string;
  readonly from?: string;
  readonly tag?: string;
  readonly locks: 'guest' | 'device';
}

const HELP = `
Either --socket-path or --fd is needed. The program stays in the foreground, says on stderr when it is ready, and ends in
good order at SIGTERM. Exit codes: 0 ended in good order, 1 failed, 2 usage.

With QEMU (the memory must be shared):
  ferry serve fs --memory 1G --socket-path /run/fs.sock
  qemu-system-x86_64 … -object memory-backend-memfd,id=m,size=2G,share=on -machine memory-backend=m \\
    -chardev socket,id=fs,path=/run/fs.sock -device vhost-user-fs-pci,chardev=fs,tag=ferry,queue-size=1024`;

/** What vhost-user's conventions for back-end programs call the fs device, and what it can do. */
const FS_CAPABILITIES = { type: 'fs', features: ['migrate-precopy'] } as const;

/** `ferry serve`: a vhost-user device in a process of its own. */
export function addServeCommand(program: Command): void {
  const serveCommand = program
    .command('serve')
    .summary('serve a device to QEMU or another vhost-user front end')
    .description('Serve a device to QEMU or another vhost-user front end, in the foreground.');
  const fs = serveCommand
    .command('fs')
    .summary('a file system in memory')
    .description('A file system in memory that a guest mounts by virtio-fs, and that moves with the guest.')
    .option('--memory <size>', 'most that the files may take, such as 512M or 4G (needed)')
    .option('--from <directory>', 'begin with what is in this directory')
    .option('--tag <name>', 'what the guest calls it when it mounts it, where the front end asks for it')
    .addOption(
      new Option('--locks <where>', "where the guest's POSIX and flock locks are kept")
        .choices(['guest', 'device'])
        .default('guest'),
    );
  addCommonOptions(fs);
  fs.action(async (flags: FsFlags, command: Command) => {
    if (flags.printCapabilities === true) print(FS_CAPABILITIES);
    else if (flags.printDescriptor === true) print(fsDescriptor());
    else process.exitCode = await runFs(flags, command, program.version() ?? 'unknown');
  });
}

function addCommonOptions(command: Command): void {
  command
    .option('--socket-path <path>', 'listen for front ends at this path')
    .option('--fd <number>', 'use this inherited socket: one that listens, or one that is connected')
    .option('--print-capabilities', 'print what the device can do as JSON, ignore all other options, and end')
    .option('--print-descriptor', 'print the description to install as …/qemu/vhost-user/50-ferry-fs.json')
    .option(
      '--control-path <path>',
      'where ferry asks about the device; the socket path with .ctl by default',
    )
    .option('--no-control', 'no control socket')
    .addOption(
      new Option('--state-channel <whose>', 'whose descriptor carries device state')
        .choices(['front-end', 'own'])
        .default('front-end'),
    )
    .option('--stall-timeout <s>', 'longest wait for one more byte of device state (default: 30)')
    .option('--transfer-timeout <s>', 'longest transfer of device state (default: 600)')
    .option('--max-state <size>', 'largest device state that is loaded (default: 64G)')
    .option('--keep <s>', 'how long what belongs to the guest is kept without a front end (default: 300)')
    .option('--spin <µs>', 'how long to look for the next request before sleeping; 0 for never (default: 20)')
    .addHelpText('after', HELP)
    // They must not matter to --print-capabilities
    .allowUnknownOption()
    .allowExcessArguments();
}

async function runFs(flags: FsFlags, command: Command, version: string): Promise<number> {
  const common = readCommon(flags, command);
  const { memory, from, tag, locks } = flags;
  if (memory === undefined) return command.error("error: required option '--memory <size>' not specified");
  const options = {
    memory: value(command, '--memory', memory, parseSize),
    locks,
    ...(from === undefined ? {} : { from }),
    ...(tag === undefined ? {} : { tag }),
  };
  checked(command, () => fsOptions(options));
  const door = import.meta.url.endsWith('.ts') ? 'index.ts' : 'index.js';
  const module = new URL(`../devices/fs/${door}`, import.meta.url);
  const what = `${formatSize(options.memory)} of memory`;
  return run({ ...common.serve, module, factory: 'createFsDevice', options }, common.control, version, what);
}

/** Serve until the end. Says when it is ready. */
async function run(
  options: ServeOptions,
  control: string | undefined,
  version: string,
  what: string,
): Promise<number> {
  const log = (line: string) => void process.stderr.write(`ferry serve: ${line}\n`);
  try {
    await using server = await serve({ ...options, log });
    await using _control =
      control === undefined
        ? undefined
        : await ControlServer.listen(control, server, { program: 'ferry', version, log });
    const where = options.socketPath ?? `descriptor ${options.fd}`;
    log(
      `${server.device} is ready at ${where} (${what}${control === undefined ? '' : `, control ${control}`})`,
    );
    await server.ended;
    return ExitCode.ok;
  } catch (error) {
    log(asError(error).message);
    return ExitCode.failed;
  }
}

interface Common {
  readonly serve: Omit<ServeOptions, 'module'>;
  readonly control: string | undefined;
}

function readCommon(flags: Flags, command: Command): Common {
  const [stray] = command.args;
  if (stray !== undefined) command.error(`error: unknown option or argument '${stray}'`);
  const { socketPath, fd } = flags;
  if ((socketPath === undefined) === (fd === undefined))
    command.error("error: exactly one of '--socket-path <path>' and '--fd <number>' is needed");
  const seconds = (name: string, text: string | undefined, standard: number) =>
    text === undefined ? standard : value(command, name, text, parseSeconds) * 1000;
  const { stall, transfer, maxState, keep, spin } = DEFAULT_SETTINGS;
  const served = socketPath === undefined ? {} : { socketPath };
  const usual = socketPath === undefined ? undefined : controlPath(socketPath);
  return {
    control: flags.control ? (flags.controlPath ?? usual) : undefined,
    serve: {
      ...served,
      ...(fd === undefined ? {} : { fd: wholeNumber(command, '--fd', fd) }),
      stateChannel: flags.stateChannel,
      stall: seconds('--stall-timeout', flags.stallTimeout, stall),
      transfer: seconds('--transfer-timeout', flags.transferTimeout, transfer),
      keep: seconds('--keep', flags.keep, keep),
      maxState:
        flags.maxState === undefined ? maxState : value(command, '--max-state', flags.maxState, parseSize),
      spin: flags.spin === undefined ? spin : wholeNumber(command, '--spin', flags.spin),
    },
  };
}

/** The value of an option, or the end of the program with a message that names it. */
function value(command: Command, name: string, text: string, parse: (text: string) => number): number {
  return checked(command, () => parse(text), name);
}

function checked<T>(command: Command, work: () => T, name?: string): T {
  try {
    return work();
  } catch (error) {
    const option = name === undefined ? '' : `option '${name}': `;
    return command.error(`error: ${option}${asError(error).message}`);
  }
}

function wholeNumber(command: Command, name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    command.error(`error: option '${name}': found '${text}', expected a whole number`);
  return Number(text);
}

/** The description that management programs look for (docs/interop/vhost-user.json of QEMU). */
function fsDescriptor(): object {
  return {
    description: 'Ferry: a file system in memory that moves with its guest',
    type: FS_CAPABILITIES.type,
    binary: fileURLToPath(new URL('../../bin/ferry-fs', import.meta.url)),
  };
}

function print(document: object): void {
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}
