import { acceptUnix, type Fd, Poll } from '../sys/index.ts';
import { BackEndSession } from '../vhost-user/index.ts';
import type { Device } from './device.ts';
import { Instance } from './instance.ts';
import { MAX_COMPLAINTS, MAX_SESSIONS, POLL_EVERY } from './limits.ts';
import { Poller, type WatchGroup } from './poller.ts';
import type { DeviceSettings } from './settings.ts';
import { SpinPolicy } from './spin.ts';

const MICROSECONDS_PER_MILLISECOND = 1000;

/** A front end sends its next message when it has woken up to the answer: that takes longer than spinning for requests. */
const MESSAGE_WINDOWS = 5;

/** Looks at the rings that are made for one look at the clock, which costs as much as several of them. */
const LOOKS_PER_TIME = 8;

/** Where front ends come from: a socket that listens, or the one connection there will be. */
export interface FrontEndSource {
  readonly kind: 'listening' | 'connected';
  readonly socket: Fd;
}

/**
 * The device thread: one blocking poll over the listener, the sessions, the kicks, what the device watches and the
 * operator's wishes, and between two of them the rings. Nothing in it waits for anything else.
 */
export class DeviceLoop implements Disposable {
  readonly instance: Instance;
  readonly #poller: Poller;
  readonly #log: (message: string) => void;
  readonly #spin: SpinPolicy;
  readonly #messageWindow: number;
  readonly #source: FrontEndSource['kind'];
  readonly #sessions = new Set<BackEndSession>();
  readonly #resources: DisposableStack;
  #sessionCount = 0;
  #heard = Number.NEGATIVE_INFINITY;
  #stopping = false;

  /** Serve `device` to the front ends that come from `source`; both are disposed of at the end, or when this throws. */
  constructor(
    device: Device,
    source: FrontEndSource,
    settings: DeviceSettings,
    log: (message: string) => void,
  ) {
    using resources = new DisposableStack();
    using made = new DisposableStack();
    made.defer(() => device[Symbol.dispose]?.());
    resources.use(source.socket);
    this.#log = log;
    this.#source = source.kind;
    this.#spin = new SpinPolicy(settings.spin / MICROSECONDS_PER_MILLISECOND);
    this.#messageWindow = (MESSAGE_WINDOWS * settings.spin) / MICROSECONDS_PER_MILLISECOND;
    this.#poller = resources.use(new Poller());
    // At its end the device takes its watches out of the poller, which has to be there still
    resources.use(made.move());
    this.instance = resources.use(new Instance(device, this.#poller, settings, log));
    device.attach?.({
      log,
      watch: (fd, events, callback) => this.#poller.watch('device', fd, events, callback),
      configChanged: () => this.instance.configChanged(),
      now: () => this.#poller.now,
    });
    if (source.kind === 'connected') this.#open(source.socket);
    else this.#listen(source.socket);
    this.#resources = resources.move();
  }

  /** Call `callback` whenever `fd` can be read. */
  watch(group: WatchGroup, fd: Fd, callback: () => void): Disposable {
    return this.#poller.watch(group, fd, Poll.in, callback);
  }

  /** End `run` before it sleeps again. Called from within a callback. */
  stop(): void {
    this.#stopping = true;
  }

  /** Serve until `stop`, or until the only front end there will be has gone. */
  run(): void {
    let sincePoll = 0;
    let looks = 0;
    let idleSince: number | undefined;
    let slept = false;
    for (;;) {
      this.instance.tick();
      if (this.#stopping) return;
      const served = this.instance.rings.serve();
      if (served > 0) {
        if (slept) this.#spin.missed(this.#poller.now - (idleSince ?? 0));
        else if (looks > 0) this.#spin.caught();
        idleSince = undefined;
        slept = false;
        looks = 0;
        sincePoll += served;
        if (sincePoll < POLL_EVERY) continue;
        sincePoll = 0;
        this.#poll(0);
        continue;
      }
      if (!slept && this.#spin.window > 0) {
        if (++looks % LOOKS_PER_TIME !== 0) continue;
        const now = performance.now();
        this.#poller.now = now;
        idleSince ??= now;
        if (now - idleSince < this.#spin.window) continue;
      }
      if (this.instance.rings.wantKicks()) continue;
      sincePoll = 0;
      slept = true;
      const { now } = this.#poller;
      idleSince ??= now;
      this.#poll(now - this.#heard < this.#messageWindow ? 0 : this.instance.patience);
    }
  }

  [Symbol.dispose](): void {
    for (const session of this.#sessions) session[Symbol.dispose]();
    this.#sessions.clear();
    this.#resources[Symbol.dispose]();
  }

  #poll(milliseconds: number): void {
    if (this.#poller.wait(milliseconds) > 0) this.#poller.dispatch();
  }

  #listen(listener: Fd): void {
    listener.setNonBlocking(true);
    this.#poller.watch('front-end', listener, Poll.in, () => {
      const socket = acceptUnix(listener, 'front end');
      if (socket === undefined) return;
      if (this.#sessions.size < MAX_SESSIONS) this.#open(socket);
      else {
        socket[Symbol.dispose]();
        this.#log(`A front end was turned away: ${MAX_SESSIONS} are connected`);
      }
    });
  }

  #open(socket: Fd): void {
    const name = `front end ${++this.#sessionCount}`;
    let complaints = 0;
    const complain = (message: string) => {
      if (++complaints <= MAX_COMPLAINTS) this.#log(`${name}: ${message}`);
      if (complaints === MAX_COMPLAINTS) this.#log(`${name}: whatever else is refused is not told any more`);
    };
    const session = new BackEndSession(socket, this.instance, {
      refused: (request, error) => complain(`${request} refused: ${error.message} (${error.code})`),
      warn: complain,
    });
    this.#sessions.add(session);
    const watch = this.#poller.watch('front-end', session, session.events, () => {
      session.onReady();
      this.#heard = this.#poller.now;
      if (!session.closed) {
        watch.update(session.events);
        return;
      }
      watch[Symbol.dispose]();
      this.#closed(session, name);
    });
  }

  #closed(session: BackEndSession, name: string): void {
    this.#sessions.delete(session);
    const { closeReason } = session;
    if (closeReason !== undefined) this.#log(`${name}: closed: ${closeReason.message} (${closeReason.code})`);
    if (this.#source === 'connected') this.stop();
  }
}
