import type { Command } from 'commander';
import { controlPath } from '../control/index.ts';
import { DEFAULT_SETTINGS, type ServeOptions } from '../device/index.ts';
import { asError } from '../errors.ts';
import { parseSeconds, parseSize } from './quantities.ts';

/** Options of every served device. Values stay text until it is clear that they are used. */
export interface ServeFlags {
  readonly socketPath?: string;
  readonly fd?: string;
  readonly printCapabilities?: boolean;
  readonly printDescriptor?: boolean;
  readonly printMigrationInfoJson?: boolean;
  readonly check?: boolean;
  readonly controlPath?: string;
  readonly control: boolean;
  readonly stateChannel?: string;
  readonly stallTimeout?: string;
  readonly transferTimeout?: string;
  readonly maxState?: string;
  readonly keep?: string;
  readonly spin?: string;
  readonly packed: boolean;
}

/** Where a device is served and within what bounds, whatever the device. */
export interface ServePlan {
  readonly serve: Omit<ServeOptions, 'module'>;
  /** Path of the control socket, if there is to be one. */
  readonly control: string | undefined;
}

/** How a device is shown in its help. */
export interface ServeExample {
  /** The device's name, such as `fs`. */
  readonly device: string;
  /** Its own options, such as `--memory 1G`. */
  readonly options: string;
  /** QEMU's device on the chardev `dev`. */
  readonly qemu: string;
}

const help = ({ device, options, qemu }: ServeExample) => `
Either --socket-path or --fd is needed. The program stays in the foreground, says on stderr when it is ready, and ends in
good order at SIGTERM. Exit codes: 0 ended in good order, 1 failed, 2 usage.

Migration parameters, as --print-migration-info-json lists them: --m-NAME=VALUE or --m-NAME VALUE for each, or
--migration-version NAME for a profile; they must not contradict other options. 'ferry compat argv' makes these
arguments from the list of a running device.

With QEMU (the memory must be shared):
  ferry serve ${device} ${options} --socket-path /run/dev.sock
  qemu-system-x86_64 … -object memory-backend-memfd,id=m,size=2G,share=on -machine memory-backend=m \\
    -chardev socket,id=dev,path=/run/dev.sock -device ${qemu},chardev=dev,queue-size=1024`;

/** Declare the options that every device has. None is checked before `--print-capabilities` had its say. */
export function addServeOptions(command: Command, example: ServeExample): void {
  command
    .option('--socket-path <path>', 'listen for front ends at this path')
    .option('--fd <number>', 'use this inherited socket: one that listens, or one that is connected')
    .option('--print-capabilities', 'print what the device can do as JSON, ignore all other options, and end')
    .option(
      '--print-descriptor',
      `print the description to install as …/qemu/vhost-user/50-ferry-${example.device}.json`,
    )
    .option(
      '--print-migration-info-json',
      'print which migration parameters there are under the other options, and end',
    )
    .option('--check', 'only say by the exit code whether the device could be made with these options')
    .option(
      '--control-path <path>',
      'where ferry asks about the device; the socket path with .ctl by default',
    )
    .option('--no-control', 'no control socket')
    .option('--state-channel <whose>', 'whose descriptor carries device state: front-end (default) or own')
    .option('--stall-timeout <s>', 'longest wait for one more byte of device state (default: 30)')
    .option('--transfer-timeout <s>', 'longest transfer of device state (default: 600)')
    .option('--max-state <size>', 'largest device state that is loaded (default: 64G)')
    .option('--keep <s>', 'how long what belongs to the guest is kept without a front end (default: 300)')
    .option('--spin <µs>', 'how long to look for the next request before sleeping; 0 for never (default: 20)')
    .option('--no-packed', 'offer split virtqueues only')
    .addHelpText('after', help(example))
    .allowUnknownOption()
    .allowExcessArguments();
}

/** End the program with a message where an argument is left over. */
export function refuseStray([stray]: readonly string[], command: Command): void {
  if (stray !== undefined) command.error(`error: unknown option or argument '${stray}'`);
}

/** Check the options that every device has. Ends the program with a message where one is wrong. */
export function planServing(flags: ServeFlags, command: Command): ServePlan {
  const { socketPath, fd } = flags;
  if ((socketPath === undefined) === (fd === undefined))
    command.error("error: exactly one of '--socket-path <path>' and '--fd <number>' is needed");
  const optional = (
    name: string,
    text: string | undefined,
    parse: (text: string) => number,
    usual: number,
  ) => (text === undefined ? usual : readOption(command, name, () => parse(text)));
  const milliseconds = (text: string) => parseSeconds(text) * 1000;
  const { stall, transfer, maxState, keep, spin } = DEFAULT_SETTINGS;
  const usualControl = socketPath === undefined ? undefined : controlPath(socketPath);
  return {
    control: flags.control ? (flags.controlPath ?? usualControl) : undefined,
    serve: {
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(fd === undefined ? {} : { fd: readOption(command, '--fd', () => wholeNumber(fd)) }),
      stateChannel: readOption(command, '--state-channel', () => channelOwner(flags.stateChannel)),
      stall: optional('--stall-timeout', flags.stallTimeout, milliseconds, stall),
      transfer: optional('--transfer-timeout', flags.transferTimeout, milliseconds, transfer),
      keep: optional('--keep', flags.keep, milliseconds, keep),
      maxState: optional('--max-state', flags.maxState, parseSize, maxState),
      spin: optional('--spin', flags.spin, wholeNumber, spin),
    },
  };
}

/** What `read` makes of an option, or the end of the program with a message that names it. */
export function readOption<T>(command: Command, name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    return command.error(`error: option '${name}': ${asError(error).message}`);
  }
}

function channelOwner(text: string | undefined): 'front-end' | 'own' {
  if (text === undefined || text === 'front-end') return 'front-end';
  if (text === 'own') return 'own';
  throw new RangeError(`Found '${text}', expected front-end or own`);
}

/** The number in `text`, of at most nine digits. Throws `RangeError` for anything else. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`Found '${text}', expected a whole number`);
  return Number(text);
}
