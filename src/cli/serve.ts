import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { fsOptions } from '../devices/fs/index.ts';
import { asError } from '../errors.ts';
import { formatSize, parseSize } from './quantities.ts';
import { addBlkCommand } from './serve-blk.ts';
import { addServeOptions, planServing, readOption, type ServeFlags, wholeNumber } from './serve-options.ts';
import { deviceModule, printDocument, runServer } from './serve-run.ts';

interface FsFlags extends ServeFlags {
  readonly memory?: string;
  readonly from?: string;
  readonly tag?: string;
  readonly locks?: string;
  readonly queues?: string;
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
    .option('--locks <where>', "where the guest's POSIX and flock locks are kept: guest (default) or device")
    .option('--queues <number>', 'request queues that the guest may use, up to 64 (default: 1)');
  addServeOptions(fs);
  fs.action(async (flags: FsFlags, command: Command) => {
    if (flags.printCapabilities === true) printDocument(FS_CAPABILITIES);
    else if (flags.printDescriptor === true) printDocument(fsDescriptor());
    else process.exitCode = await serveFs(flags, command, program.version() ?? 'unknown');
  });
  addBlkCommand(serveCommand, program);
}

async function serveFs(flags: FsFlags, command: Command, version: string): Promise<number> {
  const plan = planServing(flags, command);
  const { memory, from, tag, locks, queues } = flags;
  if (memory === undefined) return command.error("error: required option '--memory <size>' not specified");
  const options = {
    memory: readOption(command, '--memory', () => parseSize(memory)),
    ...(from === undefined ? {} : { from }),
    ...(tag === undefined ? {} : { tag }),
    ...(locks === undefined ? {} : { locks }),
    ...(queues === undefined
      ? {}
      : { requestQueues: readOption(command, '--queues', () => wholeNumber(queues)) }),
  };
  try {
    fsOptions(options);
  } catch (error) {
    return command.error(`error: ${asError(error).message}`);
  }
  const what = `${formatSize(options.memory)} of memory`;
  const serve = { ...plan.serve, module: deviceModule('fs'), factory: 'createFsDevice', options };
  return runServer(serve, plan.control, version, what);
}

/** The description that management programs look for (docs/interop/vhost-user.json of QEMU). */
function fsDescriptor(): object {
  return {
    description: 'Ferry: a file system in memory that moves with its guest',
    type: FS_CAPABILITIES.type,
    binary: fileURLToPath(new URL('../../bin/ferry-fs', import.meta.url)),
  };
}
