import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SendOptions } from '../../engine/transfer/index.ts';
import type { MachinePlan } from '../../machine/index.ts';
import { parseMilliseconds, parseRate, parseSize } from '../quantities.ts';
import { deviceModule } from '../serve-run.ts';

const MIB = 2 ** 20;

/** RAM and the state of a device are multiples of this many bytes. */
const UNIT = 2 ** 16;

const MOST_DEVICES = 64;
const MOST_CHANNELS = 64;

/** Bytes that the guest writes to each disk and reads from it, per second. */
const DISK_RATE = 4 * MIB;

/** How a machine is made and moved, as the command line has it. Sizes in bytes. */
export interface MachineOptions {
  readonly devices: number;
  /** State of each device. */
  readonly state: number;
  readonly ram: number;
  /** Bytes per second. */
  readonly dirtyRate: number;
  readonly channels: number;
  /** What RAM is compressed with. */
  readonly compress: 'none' | 'zlib' | 'zstd';
  readonly compressState: 'none' | 'zstd';
  /** Milliseconds. */
  readonly downtime?: number;
  readonly checksum: boolean;
  /** Folder of certificates. */
  readonly tls?: string;
}

/** A machine for a first look: it is made, moved and compared in a few seconds. */
export const FIRST_LOOK = { ram: 512 * MIB, state: 64 * MIB };

const size = (flags: string, what: string) => new Option(flags, what).argParser(wholeUnits);

const OPTIONS = [
  new Option('--devices <number>', `disks of the machine, up to ${MOST_DEVICES}`)
    .argParser(count(0, MOST_DEVICES))
    .default(8),
  size('--state <size>', 'state of each disk').default(128 * MIB, '128M'),
  size('--ram <size>', 'RAM of the machine').default(1024 * MIB, '1G'),
  new Option('--dirty-rate <bytes>', 'what its guest writes per second')
    .argParser(parseRate)
    .default(200 * MIB, '200M'),
  new Option('--channels <number>', `connections that it moves over, up to ${MOST_CHANNELS}`)
    .argParser(count(1, MOST_CHANNELS))
    .default(4),
  new Option('--compress <method>', 'what RAM is compressed with')
    .choices(['none', 'zlib', 'zstd'])
    .default('none'),
  new Option('--compress-state <method>', "what the disks' state is compressed with")
    .choices(['none', 'zstd'])
    .default('none'),
  new Option('--downtime <ms>', 'longest pause to aim for, such as 300 or 0.5s').argParser(parseMilliseconds),
  new Option('--no-checksum', 'no CRC-32C behind each packet'),
  new Option(
    '--tls <folder>',
    "over TLS 1.3, with certificates named as QEMU has them: ca-cert.pem; server- and client-, each with cert.pem and key.pem; the server's is for 127.0.0.1",
  ),
];

/** Declare the options of the machine whose RAM and disks move. */
export function addMachineOptions(command: Command): Command {
  for (const option of OPTIONS) command.addOption(option);
  return command;
}

/** Those of the options that were given on the command line, such as `--ram`. */
export function givenMachineOptions(command: Command): string[] {
  return OPTIONS.filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli').map(
    ({ long }) => long ?? '',
  );
}

/** What the destination has to know of the options, as words of a command line. */
export function machineWords(options: MachineOptions): string[] {
  const { devices, state, ram, dirtyRate, tls } = options;
  const words = Object.entries({ devices, state, ram, 'dirty-rate': dirtyRate, tls });
  return words.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}

/** The files of one end, where TLS is asked for: the destination is the server. */
export function tlsFiles({ tls }: MachineOptions, end: 'server' | 'client'): Pick<SendOptions, 'tls'> {
  if (tls === undefined) return {};
  const file = (name: string) => join(tls, `${name}.pem`);
  return {
    tls: { ca: file('ca-cert'), certificate: file(`${end}-cert`), key: file(`${end}-key`) },
  };
}

/** The machine that the options describe. */
export function machinePlan(
  { devices, state, ram, dirtyRate }: MachineOptions,
  uuid: Uint8Array,
): MachinePlan {
  const disk = {
    module: deviceModule('blk').href,
    factory: 'createBlkDevice',
    options: { memory: state },
    size: state,
    rate: DISK_RATE,
  };
  return { uuid, ram, dirtyRate, disks: Array.from({ length: devices }, () => disk) };
}

function count(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d{1,9}$/.test(text) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Found ${text}, expected a whole number from ${least} to ${most}.`);
  };
}

function wholeUnits(text: string): number {
  const bytes = parseSize(text);
  if (bytes % UNIT === 0) return bytes;
  throw new InvalidArgumentError(`Found ${text}, expected a multiple of ${UNIT / 1024}K.`);
}
