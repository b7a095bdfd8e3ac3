import type { MigrationList } from '../compat/index.ts';
import {
  type ByteSink,
  type ByteSource,
  type IncomingRecord,
  type RecordReader,
  StateError,
  StateReader,
  StateWriter,
} from '../state/index.ts';
import type { Device, Staged } from './device.ts';
import { DriverState } from './driver-state.ts';
import { DeviceError } from './errors.ts';
import type { DeviceParameters } from './parameters.ts';
import { PARAMETERS_SECTION, readParameters, writeParameters } from './parameters-record.ts';
import { RING_STOP_SECTION, type RingStop, readRingStop, writeRingStop } from './ring-stop.ts';

/** A state that was loaded and can become the live one. */
export interface LoadedState {
  readonly staged: Staged;
  readonly driver: DriverState;
  readonly records: number;
}

/**
 * Write the state of a suspended device: its migration parameters where the format has them, where its rings stopped,
 * then the device's own records. Returns how many records there were.
 */
export function saveState(
  device: Device,
  driver: DriverState,
  sink: ByteSink,
  parameters?: DeviceParameters,
): number {
  const { name, virtioId, stateVersion } = device.identity;
  const writer = new StateWriter(sink, { device: name, virtioId, stateVersion, features: driver.features });
  if (parameters?.writesLists === true) writeParameters(writer, parameters.list);
  for (const stop of driver.stops.values()) writeRingStop(writer, stop);
  device.save(writer);
  writer.close();
  return writer.records;
}

/**
 * Read a state and have the device build it beside the live one. `features` are the bits that can be offered. Throws
 * what is wrong with the state; nothing has changed then. That it fits `parameters` is known before anything is built.
 */
export function loadState(
  device: Device,
  features: bigint,
  source: ByteSource,
  limits: { readonly maxStream: number },
  parameters?: DeviceParameters,
): LoadedState {
  const { name, virtioId, stateVersion } = device.identity;
  const own = parameters?.readsLists === true ? [PARAMETERS_SECTION, RING_STOP_SECTION] : [RING_STOP_SECTION];
  const sections = [...own, ...device.sections];
  const reader = new StateReader(
    source,
    { device: name, virtioId, stateVersion, features, sections },
    limits,
  );
  const records = new DeviceRecords(reader, device);
  const list = records.list();
  if (list !== undefined) parameters?.verify(list);
  const staged = device.load(records);
  try {
    if (records.next() !== undefined)
      throw new DeviceError('ERR_DEVICE', `The ${name} device left records of its state unread`);
    const driver = new DriverState(reader.identity.features, records.stops);
    return { staged, driver, records: reader.records };
  } catch (error) {
    staged[Symbol.dispose]();
    throw error;
  }
}

/** What the device gets to read: the records without the SDK's own. */
class DeviceRecords implements RecordReader {
  readonly stops = new Map<number, RingStop>();
  readonly #reader: StateReader;
  readonly #device: Device;
  /** The first one, where it is not a list. */
  #first: IncomingRecord | undefined;

  constructor(reader: StateReader, device: Device) {
    this.#reader = reader;
    this.#device = device;
  }

  /** The migration parameters of the device that was saved, where the state begins with them. Called first. */
  list(): MigrationList | undefined {
    const record = this.#reader.next();
    if (record?.section === PARAMETERS_SECTION.name) return readParameters(record);
    this.#first = record;
    return undefined;
  }

  next(): IncomingRecord | undefined {
    for (;;) {
      const record = this.#first ?? this.#reader.next();
      this.#first = undefined;
      if (record?.section === PARAMETERS_SECTION.name)
        throw new StateError('ERR_STATE_SECTION', record.section, 'comes twice, or is not the first record');
      if (record?.section !== RING_STOP_SECTION.name) return record;
      const stop = readRingStop(record, this.#device.queues);
      if (this.stops.has(stop.queue))
        throw new StateError('ERR_STATE_SECTION', record.section, `queue ${stop.queue} comes twice`);
      this.stops.set(stop.queue, stop);
    }
  }
}
