import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import {
  type BlkGiven,
  type BlkOptions,
  blkOffer,
  blkOptions,
  blkOptionsOf,
  lookAtImage,
} from '../devices/blk/index.ts';
import { asError } from '../errors.ts';
import { ExitCode } from './exit-codes.ts';
import { formatSize, parseSize } from './quantities.ts';
import { addServeOptions, planServing, readOption, type ServeFlags } from './serve-options.ts';
import {
  instantiating,
  offered,
  type ParametersGiven,
  printMigrationInfo,
  readParameters,
  statusOf,
} from './serve-parameters.ts';
import { deviceModule, printDocument, runServer } from './serve-run.ts';

interface BlkFlags extends ServeFlags {
  readonly path?: string;
  readonly blkFile?: string;
  readonly memory?: string;
  readonly readOnly?: boolean;
  readonly queues?: string;
  readonly queueSize?: string;
  readonly serial?: string;
  readonly discard: boolean;
  readonly blockSize?: string;
  readonly physicalBlockSize?: string;
  readonly direct?: boolean;
  readonly cache?: string;
  readonly lanes?: string;
}

/** What vhost-user's conventions for back-end programs call the blk device, and which of its options there are. */
const BLK_CAPABILITIES = { type: 'block', features: ['read-only', 'blk-file'] } as const;

/** `ferry serve blk`: a disk. */
export function addBlkCommand(serveCommand: Command, program: Command): void {
  const blk = serveCommand
    .command('blk')
    .summary('a disk')
    .description('A disk that a guest uses over virtio-blk: a file, a block device, or memory.')
    .option('--path <image>', 'a file of sectors (raw) or a block device')
    .option('--blk-file <image>', 'the same, as the conventions for back-end programs call it')
    .option('--memory <size>', 'in place of a path, a disk in memory, such as 512M')
    .option('--read-only', 'the guest cannot write')
    .option(
      '--queues <number>',
      'request queues, up to 64 (default: 1); QEMU wants one for each virtual CPU unless its num-queues says less',
    )
    .option('--queue-size <entries>', 'largest queue (default: 1024)')
    .option('--serial <text>', 'serial number, up to 20 characters (default: ferry)')
    .option('--no-discard', 'offer neither discard nor write-zeroes')
    .option(
      '--block-size <bytes>',
      'smallest block that the guest can address (default: 512, or what is needed)',
    )
    .option('--physical-block-size <bytes>', 'block that is best written as a whole (default: 4096)')
    .option('--direct', "past this host's page cache (O_DIRECT)")
    .option('--cache <mode>', 'writeback (default): flushed when the guest asks; or writethrough')
    .option('--lanes <number>', 'threads that wait for the storage, up to 64 (default: 4)');
  addServeOptions(blk, {
    device: 'blk',
    options: '--path disk.raw',
    qemu: 'vhost-user-blk-pci,num-queues=1',
  });
  blk.action(async (flags: BlkFlags, command: Command) => {
    if (flags.printCapabilities === true) printDocument(BLK_CAPABILITIES);
    else if (flags.printDescriptor === true) printDocument(blkDescriptor());
    else process.exitCode = await statusOf(() => serveBlk(flags, command, program.version() ?? 'unknown'));
  });
}

async function serveBlk(flags: BlkFlags, command: Command, version: string): Promise<number> {
  const options = readOptions(flags, command);
  const model = offered(
    instantiating(() => blkOffer(givenBy(options))),
    flags,
  );
  if (flags.printMigrationInfoJson === true) {
    printMigrationInfo(model);
    return ExitCode.ok;
  }
  const parameters = readParameters(model, command);
  if (options.path === undefined && options.memory === undefined && !parameters.given)
    return command.error(`error: ${NOT_SAID}`);
  const checked = instantiating(() => optionsFor(options, parameters));
  if (flags.check === true) return ExitCode.ok;
  const plan = planServing(flags, command);
  const what = checked.memory === undefined ? checked.path : `${formatSize(checked.memory)} of memory`;
  const serve = {
    ...plan.serve,
    ...parameters.settings,
    module: deviceModule('blk'),
    factory: 'createBlkDevice',
    options: checked,
  };
  return runServer(serve, plan.control, version, String(what));
}

const NOT_SAID = 'Exactly one of the options path and memory says what is served';

/** The device's options as far as they were given, checked. Ends the program with a message where one is wrong. */
function readOptions(flags: BlkFlags, command: Command): Partial<BlkOptions> {
  const { memory, readOnly, direct, discard, serial, cache } = flags;
  const path = flags.path ?? flags.blkFile;
  const size = (name: string, text: string | undefined) =>
    text === undefined ? undefined : readOption(command, name, () => parseSize(text));
  const given = {
    path,
    memory: size('--memory', memory),
    blockSize: size('--block-size', flags.blockSize),
    physicalBlockSize: size('--physical-block-size', flags.physicalBlockSize),
    queues: size('--queues', flags.queues),
    queueSize: size('--queue-size', flags.queueSize),
    lanes: size('--lanes', flags.lanes),
    readOnly,
    direct,
    discard: discard ? undefined : false,
    serial,
    cache,
  };
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  try {
    const whatever = path === undefined && options.memory === undefined ? { memory: 4096 } : {};
    blkOptions({ ...whatever, ...options });
    return options;
  } catch (error) {
    return command.error(`error: ${asError(error).message}`);
  }
}

/** What the options, and the image that they name, say about migration parameters. */
function givenBy(options: Partial<BlkOptions>): BlkGiven {
  const { path, memory, ...others } = options;
  if (path !== undefined) return { ...others, backing: 'image', ...lookAtImage(path, options) };
  return memory === undefined ? others : { ...others, backing: 'memory', size: memory };
}

/** The options that a disk is made with which has these parameters. Throws where it cannot be. */
function optionsFor(options: Partial<BlkOptions>, { values }: ParametersGiven): BlkOptions {
  const { memory, ...others } = blkOptionsOf(values);
  if (values.get('backing') === 'memory') return blkOptions({ ...options, ...others, memory });
  if (options.path === undefined) throw new RangeError("A disk with backing=image needs '--path <image>'");
  const size = Number(values.get('size'));
  // An image ends with its last whole block
  if (size % others.blockSize !== 0)
    throw new RangeError(
      `A disk of ${size} bytes has no blocks of ${others.blockSize}: give '--block-size ${others.blockSize}' as well`,
    );
  return blkOptions({ ...options, ...others });
}

/** The description that management programs look for (docs/interop/vhost-user.json of QEMU). */
function blkDescriptor(): object {
  return {
    description: 'Ferry: a disk in a file, on a block device or in memory',
    type: BLK_CAPABILITIES.type,
    binary: fileURLToPath(new URL('../../bin/ferry-blk', import.meta.url)),
  };
}
