import { compareBytes, initialValues, intDomain, type Model, type Parameter } from '../compat/index.ts';
import { defineParameter } from './define-model.ts';
import { DeviceError } from './errors.ts';
import type { DeviceSettings } from './settings.ts';

/** The migration parameter that says whether packed virtqueues are offered, or in use. */
export const PACKED_RING = 'packed-ring';

/** The migration parameter that says which format of state is written. It may be set while the device runs. */
export const STATE_FORMAT = 'state-format';

/** Settings that show in migration parameters. */
export type OfferSettings = Pick<DeviceSettings, 'packed' | 'newestStateFormat'>;

function packedRing(packed: boolean): Parameter {
  return defineParameter(PACKED_RING, {
    init: packed,
    off: false,
    description: 'Packed virtqueues: offered until there is a driver, then used by it',
  });
}

/** Without it a device knows the first format alone, which is what its off value says. */
function stateFormat(newest: number): Parameter {
  return {
    ...defineParameter(STATE_FORMAT, {
      init: BigInt(newest),
      off: 1n,
      domain: intDomain([{ min: 1n, max: BigInt(newest) }]),
      description: 'Format of the saved state. 2: it says which parameters were in effect; 1: as before that',
      since: 2,
    }),
    live: 'state',
  };
}

/**
 * What a device offers whose own part of the model is `own`: beside its parameters those that the SDK answers for, and
 * a profile for each format of state, `v1` and so on. Throws `ERR_DEVICE` where the device has one of their names.
 */
export function offeredModel(own: Model, { packed, newestStateFormat }: OfferSettings): Model {
  const ours = [packedRing(packed), ...(newestStateFormat > 1 ? [stateFormat(newestStateFormat)] : [])];
  for (const name of [PACKED_RING, STATE_FORMAT])
    if (own.parameters.has(name))
      throw new DeviceError(
        'ERR_DEVICE',
        `The migration parameter ${name} of ${own.name} is not the device's`,
      );
  const all = [...own.parameters, ...ours.map((parameter) => [parameter.name, parameter] as const)];
  const model = { ...own, parameters: new Map(all.sort(([a], [b]) => compareBytes(a, b))) };
  const values = initialValues(model);
  const profiles = Array.from({ length: newestStateFormat }, (_, i) => {
    const format: [string, bigint][] = newestStateFormat > 1 ? [[STATE_FORMAT, BigInt(i + 1)]] : [];
    return [`v${i + 1}`, new Map([...values, ...format])] as const;
  });
  return { ...model, versions: profiles.map(([name]) => name), profiles: new Map(profiles) };
}
