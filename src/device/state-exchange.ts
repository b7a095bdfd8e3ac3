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
import { RING_STOP_SECTION, type RingStop, readRingStop, writeRingStop } from './ring-stop.ts';

/** A state that was loaded and can become the live one. */
export interface LoadedState {
  readonly staged: Staged;
  readonly driver: DriverState;
  readonly records: number;
}

/**
 * Write the state of a suspended device: where its rings stopped, then the device's own records. Returns how many
 * records there were.
 */
export function saveState(device: Device, driver: DriverState, sink: ByteSink): number {
  const { name, virtioId, stateVersion } = device.identity;
  const writer = new StateWriter(sink, { device: name, virtioId, stateVersion, features: driver.features });
  for (const stop of driver.stops.values()) writeRingStop(writer, stop);
  device.save(writer);
  writer.close();
  return writer.records;
}

/**
 * Read a state and have the device build it beside the live one. `features` are the bits that can be offered. Throws
 * what is wrong with the state; nothing has changed then.
 */
export function loadState(
  device: Device,
  features: bigint,
  source: ByteSource,
  limits: { readonly maxStream: number },
): LoadedState {
  const { name, virtioId, stateVersion } = device.identity;
  const sections = [RING_STOP_SECTION, ...device.sections];
  const reader = new StateReader(
    source,
    { device: name, virtioId, stateVersion, features, sections },
    limits,
  );
  const records = new DeviceRecords(reader, device);
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

  constructor(reader: StateReader, device: Device) {
    this.#reader = reader;
    this.#device = device;
  }

  next(): IncomingRecord | undefined {
    for (;;) {
      const record = this.#reader.next();
      if (record?.section !== RING_STOP_SECTION.name) return record;
      const stop = readRingStop(record, this.#device.queues);
      if (this.stops.has(stop.queue))
        throw new StateError('ERR_STATE_SECTION', record.section, `queue ${stop.queue} comes twice`);
      this.stops.set(stop.queue, stop);
    }
  }
}
