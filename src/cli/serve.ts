import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { ControlServer } from '../control/index.ts';
import { type ServeOptions, serve } from '../device/index.ts';
import { fsOptions } from '../devices/fs/index.ts';
import { asError } from '../errors.ts';
import { ExitCode } from './exit-codes.ts';
import { formatSize, parseSize } from './quantities.ts';
import { addServeOptions, planServing, readOption, type ServeFlags } from './serve-options.ts';

interface FsFlags extends ServeFlags {
  readonly memory?: string;
  readonly from?: string;
  readonly tag?: string;
  readonly locks?: string;
}

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
    .option('--locks <where>', "where the guest's POSIX and flock locks are kept: guest (default) or device");
  addServeOptions(fs);
  fs.action(async (flags: FsFlags, command: Command) => {
    if (flags.printCapabilities === true) print(FS_CAPABILITIES);
    else if (flags.printDescriptor === true) print(fsDescriptor());
    else process.exitCode = await serveFs(flags, command, program.version() ?? 'unknown');
  });
}

async function serveFs(flags: FsFlags, command: Command, version: string): Promise<number> {
  const plan = planServing(flags, command);
  const { memory, from, tag, locks } = flags;
  if (memory === undefined) return command.error("error: required option '--memory <size>' not specified");
  const options = {
    memory: readOption(command, '--memory', () => parseSize(memory)),
    ...(from === undefined ? {} : { from }),
    ...(tag === undefined ? {} : { tag }),
    ...(locks === undefined ? {} : { locks }),
  };
  try {
    fsOptions(options);
  } catch (error) {
    return command.error(`error: ${asError(error).message}`);
  }
  const door = import.meta.url.endsWith('.ts') ? 'index.ts' : 'index.js';
  const module = new URL(`../devices/fs/${door}`, import.meta.url);
  const what = `${formatSize(options.memory)} of memory`;
  return run({ ...plan.serve, module, factory: 'createFsDevice', options }, plan.control, version, what);
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
    const details = control === undefined ? what : `${what}, control ${control}`;
    log(`${server.device} is ready at ${where} (${details})`);
    await server.ended;
    return ExitCode.ok;
  } catch (error) {
    log(asError(error).message);
    return ExitCode.failed;
  }
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
