import { styleText } from 'node:util';
import { formatSize, formatTime } from '../quantities.ts';

/** What a demonstration tells as it goes on; `atMs` counts from its start. */
export type DemoEvent = { readonly atMs: number } & (
  | { readonly type: 'step'; readonly text: string }
  | { readonly type: 'check'; readonly what: string; readonly ok: boolean; readonly found: string }
  | { readonly type: 'figure'; readonly what: string; readonly value: number; readonly unit: string }
  | PassEvent
  | DeviceEvent
  | MemoryEvent
);

/** A pass over memory has ended. Bytes, milliseconds, and bytes of memory per second. */
interface PassEvent {
  readonly type: 'pass';
  readonly pass: number;
  readonly pages: number;
  readonly ms: number;
  readonly rate?: number;
  /** What was written to meanwhile. */
  readonly remaining: number;
  /** How long sending that would take. */
  readonly pauseMs?: number;
}

/** How the state of one device moved. */
interface DeviceEvent {
  readonly type: 'device';
  readonly name: string;
  readonly bytes: number;
  readonly saveMs?: number;
  readonly loadMs?: number;
  /** Most buffers that waited to be written here, and to be loaded there. */
  readonly queuedHere: number;
  readonly queuedThere: number;
}

/** Memory of one end, in bytes. */
interface MemoryEvent {
  readonly type: 'memory';
  readonly end: 'source' | 'destination';
  /** Most that was ever resident, and what the machine itself takes of it. */
  readonly peakBytes: number;
  readonly machineBytes: number;
  /** Most that was resident beside the machine while it moved, and most that the engine may use. */
  readonly residentBytes: number;
  readonly budgetBytes: number;
}

type Body = DemoEvent extends infer E ? (E extends unknown ? Omit<E, 'atMs'> : never) : never;

/** The record of a demonstration: steps with their times, figures, and checks that decide how it ended. */
export class Timeline {
  readonly events: DemoEvent[] = [];
  readonly #start = performance.now();
  readonly #onEvent: (event: DemoEvent) => void;

  constructor(onEvent: (event: DemoEvent) => void) {
    this.#onEvent = onEvent;
  }

  step(text: string): void {
    this.#add({ type: 'step', text });
  }

  figure(what: string, value: number, unit: string): void {
    this.#add({ type: 'figure', what, value, unit });
  }

  pass(event: Omit<PassEvent, 'type'>): void {
    this.#add({ ...event, type: 'pass' });
  }

  device(event: Omit<DeviceEvent, 'type'>): void {
    this.#add({ ...event, type: 'device' });
  }

  memory(event: Omit<MemoryEvent, 'type'>): void {
    this.#add({ ...event, type: 'memory' });
  }

  /** Something that was looked at inside the guest; `found` is what was seen. */
  check(what: string, ok: boolean, found: string): void {
    this.#add({ type: 'check', what, ok, found });
  }

  get milliseconds(): number {
    return performance.now() - this.#start;
  }

  /** Whether something was checked, and every check held. */
  get ok(): boolean {
    const checks = this.events.filter((event) => event.type === 'check');
    return checks.length > 0 && checks.every((check) => check.ok);
  }

  #add(body: Body): void {
    const event: DemoEvent = { atMs: Math.round(this.milliseconds), ...body };
    this.events.push(event);
    this.#onEvent(event);
  }
}

/** One event as a line for people. */
export function formatEvent(event: DemoEvent): string {
  const time = `${(event.atMs / 1000).toFixed(1).padStart(6)} s`;
  switch (event.type) {
    case 'step':
      return `${time}  ${event.text}`;
    case 'figure':
      return `${time}    ${event.what}: ${formatValue(event.value)} ${event.unit}`;
    case 'check': {
      const mark = event.ok ? styleText('green', 'ok') : styleText('red', 'WRONG');
      return `${time}    ${mark}  ${event.what}: ${event.found}`;
    }
    case 'pass':
      return `${time}    ${formatPass(event)}`;
    case 'device':
      return `${time}    ${formatDevice(event)}`;
    case 'memory':
      return `${time}    ${formatMemory(event)}`;
  }
}

function formatPass({ pass, pages, ms, rate, remaining, pauseMs }: PassEvent): string {
  const speed = rate === undefined ? '' : `, ${formatSize(rate)}/s`;
  const pause = pauseMs === undefined ? '' : `, a pause of ${formatTime(pauseMs)}`;
  const left = remaining === 0 ? 'nothing' : formatSize(remaining);
  return `pass ${pass}: ${formatValue(pages)} pages in ${formatTime(ms)}${speed}; ${left} written meanwhile${pause}`;
}

function formatDevice({ name, bytes, saveMs, loadMs, queuedHere, queuedThere }: DeviceEvent): string {
  const parts = [
    ...(saveMs === undefined ? [] : [`saved in ${formatTime(saveMs)}`]),
    ...(loadMs === undefined ? [] : [`loaded in ${formatTime(loadMs)}`]),
    `at most ${queuedHere} and ${queuedThere} buffers waiting`,
  ];
  return `${name}: ${formatSize(bytes)}, ${parts.join(', ')}`;
}

function formatMemory({ end, peakBytes, machineBytes, residentBytes, budgetBytes }: MemoryEvent): string {
  return (
    `memory of the ${end}: ${formatSize(peakBytes)} at most, of which the machine ${formatSize(machineBytes)}; ` +
    `the rest ${formatSize(residentBytes)} while it moved, the engine's budget in it ${formatSize(budgetBytes)}`
  );
}

function formatValue(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(1);
}
