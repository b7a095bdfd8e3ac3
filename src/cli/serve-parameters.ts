import type { Command } from 'commander';
import { type Arguments, formatInfo, type Model, readArguments } from '../compat/index.ts';
import { DEFAULT_SETTINGS, offeredModel, PACKED_RING, STATE_FORMAT } from '../device/index.ts';
import { asError, FerryError } from '../errors.ts';
import { ExitCode } from './exit-codes.ts';
import { refuseStray, type ServeFlags } from './serve-options.ts';

/** What the migration parameters among the arguments say a device is to be. */
export interface ParametersGiven extends Pick<Arguments, 'values'> {
  /** Whether any of them was given. */
  readonly given: boolean;
  /** What they mean for the settings that every device has. */
  readonly settings: { readonly packed: boolean; readonly stateFormat: number };
}

/** It is migration parameters that a device cannot be made with: the program ends with status 1 (RFC v3). */
export class NotInstantiated extends FerryError {}

/** What a device of the model `own` offers under these flags, with what is the SDK's. */
export function offered(own: Model, flags: ServeFlags): Model {
  const { newestStateFormat } = DEFAULT_SETTINGS;
  return offeredModel(own, { packed: flags.packed, newestStateFormat });
}

/** `--print-migration-info-json`: what is offered under the other arguments. */
export function printMigrationInfo(model: Model): void {
  process.stdout.write(formatInfo({ models: new Map([[model.name, model]]) }));
}

/**
 * The migration parameters among the arguments that no option has taken; whatever else is there ends the program. Throws
 * `NotInstantiated` where they are not offered.
 */
export function readParameters(model: Model, command: Command): ParametersGiven {
  const { values, rest } = instantiating(() =>
    readArguments({ models: new Map([[model.name, model]]) }, command.args),
  );
  refuseStray(rest, command);
  const { newestStateFormat } = DEFAULT_SETTINGS;
  return {
    values,
    given: rest.length < command.args.length,
    settings: {
      packed: values.get(PACKED_RING) === true,
      stateFormat: Number(values.get(STATE_FORMAT) ?? newestStateFormat),
    },
  };
}

/** Have what goes wrong in `work` be a device that cannot be made as it was asked for. */
export function instantiating<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new NotInstantiated('ERR_SERVE_PARAMETERS', asError(cause).message, { cause });
  }
}

/** The exit code of `act`; a device that cannot be made with its migration parameters has been told of then. */
export async function statusOf(act: () => number | Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof NotInstantiated)) throw error;
    process.stderr.write(`ferry serve: ${error.message}\n`);
    return ExitCode.failed;
  }
}
