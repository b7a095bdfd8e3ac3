import type { TransferEvent } from './events.ts';
import type { DeviceName } from './machine.ts';
import type { Outcome } from './outcome.ts';

type Labels = Readonly<Record<string, string | number>>;

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
}

const METRICS = [
  { name: 'ferry_transfer_bytes_total', type: 'counter', help: 'Bytes on the wire of all channels' },
  { name: 'ferry_transfer_rate_bytes', type: 'gauge', help: 'Bytes on the wire per second' },
  { name: 'ferry_transfer_remaining_bytes', type: 'gauge', help: 'Bytes of memory still to be sent' },
  { name: 'ferry_transfer_pages_total', type: 'counter', help: 'Pages sent or received, by content' },
  { name: 'ferry_transfer_passes_total', type: 'counter', help: 'Passes over memory that have ended' },
  { name: 'ferry_transfer_memory_rate_bytes', type: 'gauge', help: 'Bytes of memory per second in passes' },
  { name: 'ferry_transfer_expected_pause_seconds', type: 'gauge', help: 'What remains, as time to send it' },
  { name: 'ferry_transfer_phase', type: 'gauge', help: '1 for the phase that the transfer is in' },
  { name: 'ferry_transfer_channel_bytes_total', type: 'counter', help: 'Bytes on the wire of a channel' },
  { name: 'ferry_transfer_channel_packets_total', type: 'counter', help: 'Packets of a channel' },
  { name: 'ferry_transfer_channels_lost_total', type: 'counter', help: 'Channels that broke' },
  { name: 'ferry_transfer_device_queue', type: 'gauge', help: 'Slots of a device that wait' },
  { name: 'ferry_transfer_device_next', type: 'gauge', help: 'Index of the slot of a device that is next' },
  { name: 'ferry_transfer_device_credit', type: 'gauge', help: 'Highest slot that a device may send' },
  { name: 'ferry_transfer_device_save_seconds', type: 'gauge', help: 'How long saving a device took' },
  { name: 'ferry_transfer_device_load_seconds', type: 'gauge', help: 'How long loading a device took' },
  {
    name: 'ferry_transfer_device_failed',
    type: 'gauge',
    help: '1 where a device could not be saved or loaded',
  },
  {
    name: 'ferry_transfer_resident_bytes',
    type: 'gauge',
    help: 'Resident memory without that of the machine',
  },
  { name: 'ferry_transfer_budget_bytes', type: 'gauge', help: 'What the transfer may use at most' },
  { name: 'ferry_transfer_downtime_seconds', type: 'gauge', help: 'How long the machine stood still' },
  { name: 'ferry_transfer_duration_seconds', type: 'gauge', help: 'How long the transfer took' },
  { name: 'ferry_transfer_outcome', type: 'gauge', help: '1 for how the transfer ended' },
] as const satisfies readonly Metric[];

type MetricName = (typeof METRICS)[number]['name'];

/** The events of a transfer as Prometheus' text exposition format, version 0.0.4. */
export class TransferMetrics {
  readonly #labels: Labels;
  readonly #values = new Map<MetricName, Map<string, number>>();

  /** `labels` stand at every value, such as the name of the machine. */
  constructor(labels: Labels = {}) {
    this.#labels = labels;
  }

  /** Take note of an event: to be given as a transfer's `onEvent`, or from there. */
  observe(event: TransferEvent): void {
    switch (event.type) {
      case 'phase':
        this.#values.delete('ferry_transfer_phase');
        this.#set('ferry_transfer_phase', 1, { phase: event.phase });
        break;
      case 'opened':
        this.#set('ferry_transfer_budget_bytes', event.budgetBytes);
        break;
      case 'pass':
        this.#set('ferry_transfer_passes_total', event.pass);
        this.#set('ferry_transfer_remaining_bytes', event.remaining);
        if (event.rate !== undefined) this.#set('ferry_transfer_memory_rate_bytes', event.rate);
        if (event.pauseMs !== undefined)
          this.#set('ferry_transfer_expected_pause_seconds', event.pauseMs / 1000);
        break;
      case 'progress':
        this.#progress(event);
        break;
      case 'device':
        this.#device(event);
        break;
      case 'channel':
        if (event.did === 'lost') this.#set('ferry_transfer_channels_lost_total', 1, {}, 'add');
        break;
      case 'listening':
      case 'note':
        break;
    }
  }

  /** Take note of how the transfer ended. */
  ended({ outcome, downtimeMs, totalMs }: Outcome): void {
    this.#set('ferry_transfer_outcome', 1, { outcome });
    this.#set('ferry_transfer_duration_seconds', totalMs / 1000);
    if (downtimeMs !== undefined) this.#set('ferry_transfer_downtime_seconds', downtimeMs / 1000);
  }

  /** Everything known so far. */
  text(): string {
    const lines = METRICS.flatMap(({ name, type, help }) => {
      const values = this.#values.get(name);
      if (values === undefined) return [];
      const samples = [...values].map(([labels, value]) => `${name}${labels} ${value}`);
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
    });
    return lines.map((line) => `${line}\n`).join('');
  }

  #progress(event: Extract<TransferEvent, { type: 'progress' }>): void {
    this.#set('ferry_transfer_bytes_total', event.bytes);
    this.#set('ferry_transfer_rate_bytes', event.rate);
    this.#set('ferry_transfer_remaining_bytes', event.remaining);
    this.#set('ferry_transfer_resident_bytes', event.residentBytes);
    this.#set('ferry_transfer_budget_bytes', event.budgetBytes);
    for (const content of ['normal', 'zero'] as const)
      this.#set('ferry_transfer_pages_total', event.pages[content], { content });
    for (const { id, bytes, packets } of event.channels) {
      this.#set('ferry_transfer_channel_bytes_total', bytes, { channel: id });
      this.#set('ferry_transfer_channel_packets_total', packets, { channel: id });
    }
    for (const device of event.devices) {
      const labels = labelsOf(device);
      this.#set('ferry_transfer_device_queue', device.queued, labels);
      this.#set('ferry_transfer_device_next', device.next, labels);
      if (device.credit !== undefined) this.#set('ferry_transfer_device_credit', device.credit, labels);
    }
  }

  #device(event: Extract<TransferEvent, { type: 'device' }>): void {
    const labels = labelsOf(event);
    const seconds = (event.ms ?? 0) / 1000;
    if (event.did === 'saved') this.#set('ferry_transfer_device_save_seconds', seconds, labels);
    if (event.did === 'loaded') this.#set('ferry_transfer_device_load_seconds', seconds, labels);
    if (event.did === 'failed') this.#set('ferry_transfer_device_failed', 1, labels);
  }

  #set(name: MetricName, value: number, labels: Labels = {}, how: 'set' | 'add' = 'set'): void {
    const values = this.#values.get(name) ?? new Map<string, number>();
    this.#values.set(name, values);
    const key = format({ ...this.#labels, ...labels });
    values.set(key, how === 'add' ? (values.get(key) ?? 0) + value : value);
  }
}

function labelsOf({ idstr, instance }: DeviceName): Labels {
  return { device: idstr, instance };
}

/** `{a="1",b="x"}`, or nothing. */
function format(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) =>
      `${name}="${String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
