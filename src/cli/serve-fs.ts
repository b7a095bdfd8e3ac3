import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import {
  type DirectoryFsOptions,
  directoryFsOptions,
  type FsBacking,
  type FsGiven,
  type FsOptions,
  fsConfig,
  fsOffer,
  fsOptions,
  fsOptionsOf,
} from '../devices/fs/index.ts';
import { asError } from '../errors.ts';
import { ExitCode } from './exit-codes.ts';
import { formatSize, parseSize } from './quantities.ts';
import { addServeOptions, planServing, readOption, type ServeFlags, wholeNumber } from './serve-options.ts';
import {
  instantiating,
  offered,
  type ParametersGiven,
  printMigrationInfo,
  readParameters,
  statusOf,
} from './serve-parameters.ts';
import { deviceModule, printDocument, runServer } from './serve-run.ts';

interface FsFlags extends ServeFlags {
  readonly memory?: string;
  readonly from?: string;
  readonly directory?: string;
  readonly cache?: string;
  readonly readOnly?: boolean;
  readonly identity?: string;
  readonly onMismatch?: string;
  readonly tag?: string;
  readonly locks?: string;
  readonly queues?: string;
}

/** What vhost-user's conventions for back-end programs call the fs device, and what it can do. */
const FS_CAPABILITIES = { type: 'fs', features: ['migrate-precopy'] } as const;

/** Options that go with `--directory` alone, and those that go with `--memory` alone. */
const DIRECTORY_ALONE = ['cache', 'readOnly', 'identity', 'onMismatch'] as const;
const MEMORY_ALONE = ['memory', 'from'] as const;

/** `ferry serve fs`: a file system. */
export function addFsCommand(serveCommand: Command, program: Command): void {
  const fs = serveCommand
    .command('fs')
    .summary('a file system, in memory or a directory of this host')
    .description(
      'A file system that a guest mounts by virtio-fs, and that moves with the guest: in memory, or a directory of this host.',
    )
    .option('--memory <size>', 'keep files in memory, and at most this much of it, such as 512M or 4G')
    .option('--from <directory>', 'begin with what is in this directory (with --memory)')
    .option('--directory <directory>', 'share this directory in place of memory')
    .option('--cache <policy>', 'how long the guest trusts what it has read: none, auto (default) or always')
    .option('--read-only', 'the guest can change nothing')
    .option('--identity <how>', 'what tells a file after a move: inode (default), copy or path')
    .option('--on-mismatch <what>', 'a file is another one after a move: refuse (default) or guest-error')
    .option('--tag <name>', 'what the guest calls it when it mounts it, where the front end asks for it')
    .option('--locks <where>', "where the guest's POSIX and flock locks are kept: guest (default) or device")
    .option('--queues <number>', 'request queues that the guest may use, up to 64 (default: 1)');
  addServeOptions(fs, { device: 'fs', options: '--memory 1G', qemu: 'vhost-user-fs-pci,tag=ferry' });
  fs.action(async (flags: FsFlags, command: Command) => {
    if (flags.printCapabilities === true) printDocument(FS_CAPABILITIES);
    else if (flags.printDescriptor === true) printDocument(fsDescriptor());
    else process.exitCode = await statusOf(() => serveFs(flags, command, program.version() ?? 'unknown'));
  });
}

async function serveFs(flags: FsFlags, command: Command, version: string): Promise<number> {
  const backing = backingOf(flags);
  if (backing !== undefined) refuseForeign(backing, flags, command);
  const options = readOptions(flags, command);
  const model = offered(fsOffer(givenBy(flags, options)), flags);
  if (flags.printMigrationInfoJson === true) {
    printMigrationInfo(model);
    return ExitCode.ok;
  }
  const parameters = readParameters(model, command);
  const kind = kindOf(flags, command, parameters);
  const { what, factory, checked } = instantiating(() => optionsFor(kind, options, parameters));
  if (flags.check === true) return checkOnly(checked);
  const plan = planServing(flags, command);
  const serve = {
    ...plan.serve,
    ...parameters.settings,
    module: deviceModule('fs'),
    factory,
    options: checked,
  };
  return runServer(serve, plan.control, version, what);
}

/** What the files are kept in. Ends the program where that is not said, or where an option goes with the other. */
function kindOf(flags: FsFlags, command: Command, { values, given }: ParametersGiven): FsBacking {
  const kind = values.get('backing') === 'directory' ? 'directory' : 'memory';
  if (backingOf(flags) === undefined && !given)
    return command.error("error: one of '--memory <size>' and '--directory <directory>' is needed");
  refuseForeign(kind, flags, command);
  return kind;
}

/** End the program with a message where an option goes with the other backing. */
function refuseForeign(kind: FsBacking, flags: FsFlags, command: Command): void {
  for (const name of kind === 'directory' ? MEMORY_ALONE : DIRECTORY_ALONE)
    if (flags[name] !== undefined) command.error(`error: '${optionName(name)}' does not go with --${kind}`);
}

function optionName(flag: string): string {
  return `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The device's options as far as they were given, checked. Ends the program with a message where one is wrong. */
function readOptions(flags: FsFlags, command: Command): GivenOptions {
  const { memory, from, directory, cache, readOnly, identity, onMismatch, tag, locks, queues } = flags;
  const given = {
    memory: memory && readOption(command, '--memory', () => parseSize(memory)),
    requestQueues: queues && readOption(command, '--queues', () => wholeNumber(queues)),
    from,
    directory,
    cache,
    readOnly,
    identity,
    onMismatch,
    tag,
    locks,
  };
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  try {
    if (directory === undefined) fsOptions({ memory: 2 ** 30, ...options });
    else directoryFsOptions(options);
    return options;
  } catch (error) {
    return command.error(`error: ${asError(error).message}`);
  }
}

function backingOf({ directory, memory }: FsFlags): FsBacking | undefined {
  if (directory !== undefined) return 'directory';
  return memory === undefined ? undefined : 'memory';
}

/** Options of either kind, as far as they were given. */
type GivenOptions = Partial<FsOptions & DirectoryFsOptions>;

/** What the options say about migration parameters. */
function givenBy(flags: FsFlags, options: GivenOptions): FsGiven {
  const backing = backingOf(flags);
  const { memory, requestQueues, readOnly, locks } = options;
  return {
    tag: flags.tag !== undefined,
    ...(backing !== undefined && { backing }),
    ...(memory !== undefined && { memory }),
    ...(requestQueues !== undefined && { requestQueues }),
    ...(readOnly !== undefined && { readOnly }),
    ...(locks !== undefined && { locks }),
  };
}

/** The options that a device is made with which has these parameters. Throws where it cannot be. */
function optionsFor(kind: FsBacking, options: GivenOptions, { values }: ParametersGiven) {
  const all = { ...options, ...fsOptionsOf(values) };
  if (kind === 'memory') {
    const checked = fsOptions(all);
    return { what: `${formatSize(checked.memory)} of memory`, factory: 'createFsDevice', checked };
  }
  if (!('directory' in all))
    throw new RangeError("A device with backing=directory needs '--directory <directory>'");
  const checked = directoryFsOptions(all);
  return { what: checked.directory, factory: 'createDirectoryFsDevice', checked };
}

/** `--check`: what can be told without a device. */
function checkOnly(options: FsOptions | DirectoryFsOptions): number {
  instantiating(() => {
    const path = 'directory' in options ? options.directory : options.from;
    if (path !== undefined && !statSync(path).isDirectory()) throw new RangeError(`${path} is no directory`);
    if (options.tag !== undefined) fsConfig(options.tag, options.requestQueues);
  });
  return ExitCode.ok;
}

/** The description that management programs look for (docs/interop/vhost-user.json of QEMU). */
function fsDescriptor(): object {
  return {
    description: 'Ferry: a file system, in memory or a directory of the host, that moves with its guest',
    type: FS_CAPABILITIES.type,
    binary: fileURLToPath(new URL('../../bin/ferry-fs', import.meta.url)),
  };
}
