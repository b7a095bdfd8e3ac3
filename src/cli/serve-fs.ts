import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { directoryFsOptions, fsOptions } from '../devices/fs/index.ts';
import { asError } from '../errors.ts';
import { formatSize, parseSize } from './quantities.ts';
import { addServeOptions, planServing, readOption, type ServeFlags, wholeNumber } from './serve-options.ts';
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
    else process.exitCode = await serveFs(flags, command, program.version() ?? 'unknown');
  });
}

async function serveFs(flags: FsFlags, command: Command, version: string): Promise<number> {
  const plan = planServing(flags, command);
  const shares = flags.directory !== undefined;
  if (!shares && flags.memory === undefined)
    return command.error("error: one of '--memory <size>' and '--directory <directory>' is needed");
  for (const name of shares ? MEMORY_ALONE : DIRECTORY_ALONE)
    if (flags[name] !== undefined)
      return command.error(
        `error: '${optionName(name)}' does not go with ${shares ? '--directory' : '--memory'}`,
      );
  const { what, factory, options } = readOptions(flags, command);
  const serve = { ...plan.serve, module: deviceModule('fs'), factory, options };
  return runServer(serve, plan.control, version, what);
}

function optionName(flag: string): string {
  return `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Which device it is and its options, checked. Ends the program with a message where one is wrong. */
function readOptions(flags: FsFlags, command: Command) {
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
    if (directory !== undefined)
      return { what: directory, factory: 'createDirectoryFsDevice', options: directoryFsOptions(options) };
    const checked = fsOptions(options);
    return { what: `${formatSize(checked.memory)} of memory`, factory: 'createFsDevice', options: checked };
  } catch (error) {
    return command.error(`error: ${asError(error).message}`);
  }
}

/** The description that management programs look for (docs/interop/vhost-user.json of QEMU). */
function fsDescriptor(): object {
  return {
    description: 'Ferry: a file system, in memory or a directory of the host, that moves with its guest',
    type: FS_CAPABILITIES.type,
    binary: fileURLToPath(new URL('../../bin/ferry-fs', import.meta.url)),
  };
}
