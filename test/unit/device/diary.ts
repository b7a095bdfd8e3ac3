import { type DeferredRequest, type Device, DONE, LATER, type Request } from '../../../src/device/device.ts';
import { Instance } from '../../../src/device/instance.ts';
import { Poller } from '../../../src/device/poller.ts';
import { DEFAULT_SETTINGS, type DeviceSettings } from '../../../src/device/settings.ts';
import type { Section } from '../../../src/state/index.ts';
import type { Ring, Session } from '../../../src/vhost-user/index.ts';
import { SplitQueue } from '../../../src/virtio/index.ts';
import { DATA, OPTIONS, queueFixture, WRITE } from '../../support/raw-ring.ts';

export const NOTE: Section = { name: 'note', version: 1, required: true };

/** Writes down what happens to it. Requests are answered with one byte, or deferred while `patient`. */
export class Diary implements Device {
  readonly identity = { name: 'diary', virtioId: 59, stateVersion: 1 };
  readonly features = 3n;
  readonly queues = { count: 2, maxSize: 8 };
  readonly sections = [NOTE];
  readonly lines: string[] = [];
  readonly waiting: DeferredRequest[] = [];
  patient = false;
  settleMilliseconds = 0;
  onHalt: (() => void) | undefined;

  negotiated(features: bigint): void {
    this.lines.push(`negotiated ${features}`);
  }

  handle(request: Request): typeof DONE | typeof LATER {
    this.lines.push(`handle ${request.queue}`);
    if (this.patient) {
      this.waiting.push(request.defer());
      return LATER;
    }
    request.writable.fill(7, 1);
    return DONE;
  }

  halt(queue: number): void {
    this.lines.push(`halt ${queue}`);
    this.onHalt?.();
  }

  suspend(): void {
    this.lines.push('suspend');
  }

  resume(): void {
    this.lines.push('resume');
  }

  reset(): void {
    this.lines.push('reset');
  }

  save(): void {
    this.lines.push('save');
  }

  load() {
    this.lines.push('load');
    return {
      commit: () => void this.lines.push('commit'),
      [Symbol.dispose]: () => void this.lines.push('given up'),
    };
  }
}

export class FakeSession implements Session {
  rings: readonly Ring[] = [];
  features = 0n;
  protocolFeatures = 0n;
  owesConfigChange = false;
  readonly told: string[] = [];

  notify(ring: Ring): void {
    this.told.push(`notify ${ring.index}`);
  }

  reportBroken(ring: Ring): void {
    this.told.push(`broken ${ring.index}`);
  }

  announceConfigChange(): void {
    this.told.push('config changed');
  }
}

/** An instance of the diary and a session, over one ring. */
export function fixture<D extends Device = Diary>(
  settings: Partial<DeviceSettings> = {},
  device: D = new Diary() as Device as D,
) {
  const stack = new DisposableStack();
  const log: string[] = [];
  const poller = stack.use(new Poller());
  const instance = new Instance(device, poller, { ...DEFAULT_SETTINGS, ...settings }, (line) =>
    log.push(line),
  );
  const session = new FakeSession();
  const { ring, guest } = stack.use(queueFixture(8));
  for (let head = 0; head < 8; head++) ring.describe(head, DATA + head * 64, 16, WRITE);
  const ringOf = (index: number, queue: SplitQueue, enabled = true): Ring => {
    return { index, kick: undefined, polled: true, started: true, enabled, queue, mayLeaveInflight: false };
  };
  return {
    device,
    instance,
    session,
    log,
    ring,
    guest,
    /** Ring `index` over the one queue of the fixture, from where `base` says. */
    started: (index = 0, options: { enabled?: boolean; next?: number } = {}) => {
      const { next = 0, enabled } = options;
      const queue = new SplitQueue(guest.memory, ring.ring, { ...OPTIONS, size: 8, base: next });
      return ringOf(index, queue, enabled);
    },
    lines: () => (device instanceof Diary ? device.lines.splice(0) : []),
    [Symbol.dispose]: () => stack[Symbol.dispose](),
  };
}
