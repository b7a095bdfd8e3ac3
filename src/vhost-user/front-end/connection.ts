import type { Fd } from '../../sys/index.ts';
import { Agreement } from './agreement.ts';
import { BackEndRequests } from './back-end-requests.ts';
import { Channel } from './channel.ts';
import { MemoryTable } from './memory.ts';
import {
  Negotiation,
  type NegotiationOrder,
  negotiateAsLibblkio,
  negotiateAsQemu,
  type Wanted,
} from './negotiation.ts';
import { RingMessages } from './rings.ts';

/** What stands and falls with one connection to a back end: the channels, what was agreed on, the memory it was given. */
export class Connection implements Disposable {
  readonly channel: Channel;
  readonly agreement = new Agreement();
  readonly step: Negotiation;
  readonly memory: MemoryTable;
  readonly messages: RingMessages;
  readonly #order: NegotiationOrder;
  /** The back end's own requests, where it has a channel for them. */
  requests: BackEndRequests | undefined;
  #configChanges = 0;

  /** Takes over `socket`. Nothing is sent yet. */
  constructor(socket: Fd, order: NegotiationOrder, deadline: number) {
    this.#order = order;
    this.channel = new Channel(socket, deadline);
    this.channel.alwaysNeedsReply = order === 'libblkio';
    this.step = new Negotiation(this.channel, this.agreement);
    this.memory = new MemoryTable(this.channel, this.agreement);
    this.messages = new RingMessages(this.channel, this.agreement, this.memory);
  }

  /** Open the session. */
  open(wanted: Wanted): void {
    const negotiate = this.#order === 'libblkio' ? negotiateAsLibblkio : negotiateAsQemu;
    const requests = negotiate(this.step, this.agreement, wanted);
    if (requests !== undefined) this.#take(requests);
  }

  /** Give the back end a channel for its requests; one that it had is closed. */
  giveRequestChannel(): void {
    this.#take(this.step.giveRequestChannel());
  }

  /** How often the back end has said that the configuration space has changed. */
  get configChanges(): number {
    return this.#configChanges + (this.requests?.configChanges ?? 0);
  }

  [Symbol.dispose](): void {
    this.requests?.[Symbol.dispose]();
    this.channel[Symbol.dispose]();
  }

  #take(socket: Fd): void {
    this.#configChanges = this.configChanges;
    this.requests?.[Symbol.dispose]();
    this.requests = new BackEndRequests(socket);
    this.channel.aside = this.requests;
  }
}
