import { type DeviceReport, type MigrationDetails, NEXT_HOP } from '../state/index.ts';
import { ControlError } from './errors.ts';
import { isObject } from './messages.ts';

/** What `status` is answered with. */
export interface StatusReport extends DeviceReport {
  readonly program: string;
  readonly version: string;
}

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => typeof value === 'number' && value >= 0;
const isStrings: Check = (value) => Array.isArray(value) && value.every(isString);

function oneOf(...values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

function orAbsent(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function shape(fields: Readonly<Record<string, Check>>): Check {
  return (value) => isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
}

const MIGRATION: Readonly<Record<string, Check>> = {
  model: isString,
  list: isString,
  digest: (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
  frozen: (value) => typeof value === 'boolean',
};

const STATUS: Readonly<Record<string, Check>> = {
  program: isString,
  version: isString,
  device: isString,
  stateVersion: isCount,
  features: isString,
  protocolFeatures: isStrings,
  negotiated: orNull(shape({ features: isString, protocolFeatures: isStrings })),
  lifecycle: oneOf(...Object.keys(NEXT_HOP)),
  owner: (value) => typeof value === 'boolean',
  ringsRunning: isCount,
  epoch: orNull(isCount),
  lastTransfer: orNull(
    shape({
      direction: oneOf('save', 'load'),
      outcome: oneOf('running', 'unchecked', 'ok', 'failed'),
      bytes: isCount,
      records: isCount,
      milliseconds: isCount,
      reason: orAbsent(isString),
    }),
  ),
  // Older programs know nothing of it
  migration: orAbsent(orNull(shape(MIGRATION))),
};

/** The result of `status`. Throws `ERR_CONTROL_MESSAGE` naming the field at fault. */
export function decodeStatus(result: unknown): StatusReport {
  const status = { migration: null, ...checked(result, 'status', STATUS) };
  // Every field has just been looked at
  return status as unknown as StatusReport;
}

/** The result of `migration-info`. Throws `ERR_CONTROL_MESSAGE` naming the field at fault. */
export function decodeMigration(result: unknown): MigrationDetails {
  const { info, ...report } = checked(result, 'migration info', { ...MIGRATION, info: isObject });
  // Every field has just been looked at
  return { ...report, info: JSON.stringify(info) } as unknown as MigrationDetails;
}

function checked(
  result: unknown,
  what: string,
  fields: Readonly<Record<string, Check>>,
): Readonly<Record<string, unknown>> {
  if (!isObject(result)) throw new ControlError('ERR_CONTROL_MESSAGE', `The ${what} is not an object`);
  for (const [name, check] of Object.entries(fields))
    if (!check(result[name]))
      throw new ControlError(
        'ERR_CONTROL_MESSAGE',
        `The ${what} has ${JSON.stringify(result[name])?.slice(0, 80)} as its ${name}`,
      );
  return result;
}
