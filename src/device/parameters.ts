import {
  type Assignment,
  buildList,
  check,
  contains,
  domainOf,
  formatDomain,
  formatInfo,
  formatList,
  listDigest,
  type MigrationList,
  type Model,
  narrow,
  readValue,
} from '../compat/index.ts';
import { asError } from '../errors.ts';
import { type MigrationDetails, type MigrationReport, StateError } from '../state/index.ts';
import { VirtioFeature } from '../vhost-user/index.ts';
import type { Device } from './device.ts';
import { DeviceError } from './errors.ts';
import { offeredModel, PACKED_RING, STATE_FORMAT } from './offer.ts';
import { PARAMETERS_SECTION } from './parameters-record.ts';
import type { DeviceSettings } from './settings.ts';

/** Formats of state that say which parameters were in effect. */
const FIRST_WITH_LIST = 2;

const MILLISECONDS = 1000;

type Settings = Pick<DeviceSettings, 'packed' | 'stateFormat' | 'newestStateFormat'>;

/** The migration parameters of a live device: what is in effect, what it would take, what may be changed. */
export class DeviceParameters {
  readonly #device: Device;
  readonly #settings: Settings;
  /** Feature bits agreed upon with the guest's driver; 0 before there was one. */
  readonly #negotiated: () => bigint;
  #stateFormat: number;
  #frozenUntil = 0;

  private constructor(device: Device, settings: Settings, negotiated: () => bigint) {
    this.#device = device;
    this.#settings = settings;
    this.#negotiated = negotiated;
    this.#stateFormat = Math.min(settings.stateFormat, settings.newestStateFormat);
  }

  /** Those of `device`, where it has any. Throws `ERR_DEVICE` where they are not those of its model. */
  static of(device: Device, settings: Settings, negotiated: () => bigint): DeviceParameters | undefined {
    if (device.migrationInfo === undefined) return undefined;
    const parameters = new DeviceParameters(device, settings, negotiated);
    try {
      // Whoever takes its own list takes another one sooner when the guest waits for that
      const against = parameters.#against(parameters.list, 'in effect');
      if (against !== undefined) throw new RangeError(against);
    } catch (cause) {
      throw new DeviceError(
        'ERR_DEVICE',
        `The ${device.identity.name} device cannot be served, its migration parameters are wrong: ${asError(cause).message}`,
        { cause },
      );
    }
    return parameters;
  }

  /** What this instance takes. */
  get model(): Model {
    return offeredModel(this.#device.migrationInfo!, this.#settings);
  }

  /** What is in effect. */
  get list(): MigrationList {
    const { model } = this;
    return buildList(model, this.#values(model));
  }

  /** Whether state of this device may begin with its list, when it is loaded. */
  get readsLists(): boolean {
    return this.#settings.newestStateFormat >= FIRST_WITH_LIST;
  }

  /** Whether state of this device begins with its list, when it is saved. */
  get writesLists(): boolean {
    return this.#stateFormat >= FIRST_WITH_LIST;
  }

  get report(): MigrationReport {
    const { list } = this;
    return {
      model: list.model,
      list: formatList(list),
      digest: listDigest(list),
      frozen: performance.now() < this.#frozenUntil,
    };
  }

  get details(): MigrationDetails {
    const { model } = this;
    return { ...this.report, info: formatInfo({ models: new Map([[model.name, model]]) }) };
  }

  /**
   * Make sure that the state of a device with the list `theirs` fits this instance, as it is now. Throws
   * `ERR_STATE_PARAMETERS` naming the parameters that do not.
   */
  verify(theirs: MigrationList): void {
    const ours = this.list;
    if (listDigest(theirs) === listDigest(ours)) return;
    const against = this.#against(theirs, 'at the source');
    if (against !== undefined) throw new StateError('ERR_STATE_PARAMETERS', PARAMETERS_SECTION.name, against);
  }

  /** Set a parameter that may change while the device runs. Throws naming it for any other. */
  set(name: string, text: string): void {
    const { model } = this;
    const parameter = model.parameters.get(name);
    if (parameter === undefined)
      throw refused(
        `${name} is no migration parameter of ${model.name}: ${[...model.parameters.keys()].join(', ')}`,
      );
    if (parameter.live !== 'state') throw refused(`${name} does not change while the device runs`);
    if (performance.now() < this.#frozenUntil)
      throw new DeviceError('ERR_PARAMETERS_FROZEN', `${name} stays as it is: a move counts on it`, {
        retry: true,
      });
    const value = readValue(parameter.type, text);
    if (value === undefined || !contains(parameter.domain, value))
      throw refused(
        `${name} is not set to ${JSON.stringify(text)}: expected ${formatDomain(parameter.domain)}`,
      );
    this.#stateFormat = Number(value);
  }

  /** Have nothing set for so many seconds. Throws `ERR_PARAMETERS_DIFFER` where `digest` is not that of the list. */
  freeze(digest: string, seconds: number): void {
    const { list } = this;
    if (listDigest(list) !== digest)
      throw new DeviceError(
        'ERR_PARAMETERS_DIFFER',
        `Other migration parameters are in effect than when they were looked at: ${[...list.parameters].map((pair) => pair.join('=')).join(' ')}`,
        { retry: true },
      );
    this.#frozenUntil = performance.now() + seconds * MILLISECONDS;
  }

  /** Parameters may be set again. Returns whether they could not. */
  thaw(): boolean {
    const frozen = performance.now() < this.#frozenUntil;
    this.#frozenUntil = 0;
    return frozen;
  }

  /** Which parameters of the list `theirs`, which is `where`, this instance does not take; undefined where it takes all. */
  #against(theirs: MigrationList, where: string): string | undefined {
    const { model } = this;
    // What the instance has is all that is certain of a parameter whose values are not listed
    const certain = [...this.#values(model)].filter(
      ([name]) => model.parameters.get(name)?.domain.kind === 'any',
    );
    const own = narrow(
      model,
      new Map(certain.map(([name, init]) => [name, { domain: domainOf(init), init }])),
    );
    const { answer, reasons } = check(theirs, { models: new Map([[own.name, own]]) });
    if (answer === 'yes') return undefined;
    return reasons
      .map(({ parameter, have, want, message }) =>
        parameter === undefined || have === undefined || want === undefined
          ? message
          : `${parameter} is ${have} ${where}, this device takes ${want}`,
      )
      .join('; ');
  }

  #values(model: Model): Assignment {
    const { packed } = this.#settings;
    const negotiated = this.#negotiated();
    const values = new Map(this.#device.parameters?.());
    values.set(PACKED_RING, negotiated === 0n ? packed : (negotiated & VirtioFeature.RING_PACKED) !== 0n);
    if (model.parameters.has(STATE_FORMAT)) values.set(STATE_FORMAT, BigInt(this.#stateFormat));
    return values;
  }
}

function refused(message: string): DeviceError {
  return new DeviceError('ERR_PARAMETERS_REFUSED', message);
}
