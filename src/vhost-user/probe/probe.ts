import { asError, FerryError, SystemError } from '../../errors.ts';
import { connectUnix, Errno, type Fd } from '../../sys/index.ts';
import { FrontEndRequest, type ProtocolFeature, requestName, VirtioFeature } from '../constants.ts';
import type { Offer } from '../front-end/agreement.ts';
import { FrontEnd } from '../front-end/front-end.ts';
import {
  FRONT_END_PROTOCOL_FEATURES,
  type Negotiation,
  TRANSPORT_FEATURES,
} from '../front-end/negotiation.ts';
import { type DeviceType, guessType } from './names.ts';
import { type Trial, tryDevice } from './trial.ts';

/** A request that was not answered as it has to be. */
export interface Fault {
  readonly request: string;
  readonly code: string;
  readonly message: string;
}

/** What a back end said about itself. */
export interface ProbeFacts {
  readonly offered: Offer;
  /** The kind of device, as the caller said or as its features tell. */
  readonly type: DeviceType | undefined;
  /** The beginning of its configuration space; undefined where it was not asked for. */
  readonly config: Uint8Array | undefined;
  /** Everything that it was sent, in order. */
  readonly asked: readonly string[];
  readonly faults: readonly Fault[];
  /** What came of taking the device over; undefined where that was not done. */
  readonly trial: Trial | undefined;
}

export interface ProbeOptions {
  /** The kind of device, where the caller knows. */
  readonly type?: DeviceType;
  /** How much of a device's configuration there is to read, by kind. */
  readonly configLengths?: Readonly<Record<DeviceType, number>>;
  /** Longest wait for an answer, in milliseconds; 2 s unless given. */
  readonly deadline?: number;
  /** Take the device over: own it, share memory, save the state of the device as it is and load it back. */
  readonly deep?: boolean;
}

/**
 * Ask the back end that listens at a path, or is at the other end of a socket that is taken over, about itself. Without `deep` nothing is sent that
 * would take the device from whoever uses it: no SET_OWNER, no reset, no memory, no rings. Throws where it does not even
 * answer GET_FEATURES (`ERR_BUSY` where it takes no further connection); everything else that goes wrong is among the facts.
 */
export function probeBackEnd(where: string | Fd, options: ProbeOptions = {}): ProbeFacts {
  using frontEnd = new FrontEnd(typeof where === 'string' ? connect(where) : where, {
    deadline: options.deadline ?? 2_000,
    features: TRANSPORT_FEATURES | VirtioFeature.RING_PACKED,
    protocolFeatures: FRONT_END_PROTOCOL_FEATURES,
  });
  const inquiry = new Inquiry(frontEnd);
  frontEnd.step.askFeatures(~0n);
  inquiry.asked.push(requestName(FrontEndRequest.GET_FEATURES));
  const { features } = frontEnd.offered;
  const type = options.type ?? guessType(features);
  const config = inquiry.run(type === undefined ? 0 : (options.configLengths?.[type] ?? 0));
  const trial = options.deep === true && !inquiry.over ? tryDevice(frontEnd, inquiry.asked) : undefined;
  return {
    offered: { ...frontEnd.offered, features },
    type,
    config,
    asked: inquiry.asked,
    faults: inquiry.faults,
    trial,
  };
}

/** Connect without waiting for room in the listener's queue: whoever serves one front end never makes any. */
function connect(path: string): Fd {
  try {
    return connectUnix(path, { dontWait: true });
  } catch (error) {
    if (error instanceof SystemError && error.errno === Errno.EAGAIN)
      throw new FerryError(
        'ERR_BUSY',
        `The queue of connections at ${path} is full: it serves another front end`,
        {
          cause: error,
        },
      );
    throw error;
  }
}

/** The questions, each of which may go wrong by itself. */
class Inquiry {
  readonly asked: string[] = [];
  readonly faults: Fault[] = [];
  /** Whether the connection is of no use any more. */
  over = false;
  readonly #frontEnd: FrontEnd;
  readonly #step: Negotiation;

  constructor(frontEnd: FrontEnd) {
    this.#frontEnd = frontEnd;
    this.#step = frontEnd.step;
  }

  /** Ask all that GET_FEATURES leaves open. Returns the configuration, if `configLength` of it is wanted and there. */
  run(configLength: number): Uint8Array | undefined {
    const frontEnd = this.#frontEnd;
    const { features } = frontEnd.offered;
    if ((features & VirtioFeature.PROTOCOL_FEATURES) === 0n) return undefined;
    this.#ask('GET_PROTOCOL_FEATURES', () => this.#step.askProtocolFeatures());
    const has = (feature: keyof typeof ProtocolFeature) => frontEnd.has(feature);
    this.#ask('SET_PROTOCOL_FEATURES', () => this.#step.acceptProtocolFeatures(FRONT_END_PROTOCOL_FEATURES));
    // Once more, now that it can be acknowledged
    if (has('REPLY_ACK'))
      this.#ask('SET_PROTOCOL_FEATURES', () =>
        this.#step.acceptProtocolFeatures(FRONT_END_PROTOCOL_FEATURES),
      );
    if (has('MQ')) this.#ask('GET_QUEUE_NUM', () => this.#step.askQueues());
    if (has('CONFIGURE_MEM_SLOTS')) this.#ask('GET_MAX_MEM_SLOTS', () => this.#step.askMemorySlots());
    this.#ask('GET_FEATURES', () => {
      const again = this.#step.askFeatures(~0n);
      if (again !== features)
        throw new FerryError(
          'ERR_BAD_REPLY',
          `Answered 0x${again.toString(16)} the second time, 0x${features.toString(16)} the first`,
        );
    });
    if (configLength === 0 || !has('CONFIG')) return undefined;
    return this.#ask('GET_CONFIG', () => frontEnd.readConfig(0, configLength));
  }

  #ask<T>(request: keyof typeof FrontEndRequest, question: () => T): T | undefined {
    if (this.over) return undefined;
    this.asked.push(request);
    try {
      return question();
    } catch (thrown) {
      const error = asError(thrown);
      const code = error instanceof FerryError ? error.code : 'ERR_UNKNOWN';
      this.over = ENDS.includes(code);
      // Then it was not sent: the answer before it has said what is wrong
      if (code === 'ERR_OUT_OF_STEP') this.asked.pop();
      else this.faults.push({ request, code, message: error.message });
      return undefined;
    }
  }
}

/** Failures after which the same connection answers nothing that can be trusted. */
const ENDS = ['ERR_DEADLINE', 'ERR_DISCONNECTED', 'ERR_OUT_OF_STEP', 'ERR_SYSTEM'];
