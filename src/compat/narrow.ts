import { profileValues } from './complete.ts';
import { contains, type Domain } from './domain.ts';
import { CompatError } from './errors.ts';
import type { Assignment, Model } from './model.ts';
import type { Value } from './value.ts';

/** What is left of a parameter. */
export interface Narrowing {
  /** A part of what the model takes. */
  readonly domain: Domain;
  /** What a new instance has; in `domain`. */
  readonly init: Value;
}

/**
 * What `model` is where some parameters are limited further: by the other arguments of a program, or because an instance
 * has been made. An off value that is no longer taken goes, since the parameter cannot be switched off then; profiles and
 * versions that say something else go, too. Throws `ERR_COMPAT_MODEL` for a parameter that the model does not have.
 */
export function narrow(model: Model, changes: ReadonlyMap<string, Narrowing>): Model {
  const parameters = new Map(model.parameters);
  for (const [name, { domain, init }] of changes) {
    const parameter = parameters.get(name);
    if (parameter === undefined)
      throw new CompatError('ERR_COMPAT_MODEL', name, `is no parameter of ${model.name}`);
    const { off } = parameter;
    parameters.set(name, {
      ...parameter,
      domain,
      init,
      off: off !== undefined && contains(domain, off) ? off : undefined,
    });
  }
  const profiles = new Map<string, Assignment>();
  for (const name of model.profiles.keys()) {
    const values = profileValues(model, name)!;
    if ([...values].every(([parameter, value]) => contains(parameters.get(parameter)!.domain, value)))
      profiles.set(name, values);
  }
  const versions = model.versions.filter((name) => !model.profiles.has(name) || profiles.has(name));
  return { ...model, parameters, profiles, versions };
}
