import { styleText } from 'node:util';

/** What a demonstration tells as it goes on; `atMs` counts from its start. */
export type DemoEvent = { readonly atMs: number } & (
  | { readonly type: 'step'; readonly text: string }
  | { readonly type: 'check'; readonly what: string; readonly ok: boolean; readonly found: string }
  | { readonly type: 'figure'; readonly what: string; readonly value: number; readonly unit: string }
);

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
  }
}

function formatValue(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(1);
}
