import { intDomain, type Value } from '../../../src/compat/index.ts';
import { DriverState } from '../../../src/device/driver-state.ts';
import {
  type Device,
  defineModel,
  defineParameter,
  type Model,
  type Staged,
} from '../../../src/device/index.ts';
import { DeviceParameters } from '../../../src/device/parameters.ts';
import { DEFAULT_SETTINGS, type DeviceSettings } from '../../../src/device/settings.ts';
import { loadState, saveState } from '../../../src/device/state-exchange.ts';
import type { RecordReader, RecordWriter, Section } from '../../../src/state/index.ts';

const WORD: Section = { name: 'word', version: 1, required: true };

export const MODEL: Model = defineModel('a.com/word', [
  defineParameter('width', {
    init: 4n,
    domain: intDomain([{ min: 1n, max: 8n }]),
    description: 'How wide it is',
  }),
  defineParameter('loud', { init: true, off: false, description: 'Whether it is heard' }),
]);

/** A device with two parameters, and a word for its state. */
export class WordDevice implements Device {
  readonly identity = { name: 'word', virtioId: 60, stateVersion: 1 };
  readonly features = 0n;
  readonly queues = { count: 1, maxSize: 8 };
  readonly sections = [WORD];
  readonly migrationInfo?: Model;
  readonly values: Map<string, Value>;
  word = 0;
  loads = 0;

  constructor(values: Record<string, Value> = {}, model: Model | 'none' = MODEL) {
    if (model !== 'none') this.migrationInfo = model;
    this.values = new Map<string, Value>(Object.entries({ width: 4n, loud: true, ...values }));
  }

  parameters(): Map<string, Value> {
    return this.values;
  }

  handle(): 'done' {
    return 'done';
  }

  save(records: RecordWriter): void {
    records.write(WORD, Uint8Array.of(this.word));
  }

  load(records: RecordReader): Staged {
    this.loads++;
    const word = records.next()?.payload[0];
    return {
      commit: () => {
        this.word = word ?? -1;
      },
      [Symbol.dispose]: () => undefined,
    };
  }
}

/** Settings of `serve` that parameters depend on. */
export type Settings = Partial<Pick<DeviceSettings, 'packed' | 'stateFormat' | 'newestStateFormat'>>;

/** The parameters of a device that is not served. */
export function parametersOf(device: Device, settings: Settings = {}, negotiated = 0n) {
  return DeviceParameters.of(device, { ...DEFAULT_SETTINGS, ...settings }, () => negotiated);
}

/** The state of a device. */
export function saved(device: Device, parameters = parametersOf(device)): Uint8Array {
  const pieces: Uint8Array[] = [];
  saveState(device, new DriverState(), { write: (bytes) => void pieces.push(bytes.slice()) }, parameters);
  return new Uint8Array(Buffer.concat(pieces));
}

/** Have a device take a state. */
export function loadInto(device: Device, state: Uint8Array, parameters = parametersOf(device)): void {
  let at = 0;
  const source = {
    read: (into: Uint8Array) => {
      const piece = state.subarray(at, at + into.length);
      into.set(piece);
      at += piece.length;
      return piece.length;
    },
  };
  loadState(device, device.features, source, { maxStream: 2 ** 30 }, parameters).staged.commit();
}
