import type { Fd } from '../sys/index.ts';
import type { Virtqueue, VirtqueueKind } from '../virtio/index.ts';

/** What a back end offers to every front end. */
export interface Profile {
  /** Virtio feature bits, those of the transport included. */
  readonly features: bigint;
  /** Protocol feature bits. */
  readonly protocolFeatures: bigint;
  /** Virtqueues that exist. */
  readonly queues: number;
  /** Largest size that a virtqueue may be given. */
  readonly maxQueueSize: number;
  /** Memory regions that can be held at one time. */
  readonly memorySlots: number;
}

/** One virtqueue's settings as the front end made them. */
export interface Ring {
  readonly index: number;
  /** Where the driver's kicks arrive; undefined while stopped, and when the front end wants the ring polled. */
  readonly kick: Fd | undefined;
  /** Started without a kick descriptor: the ring has to be looked at again and again. */
  readonly polled: boolean;
  /** Between SET_VRING_KICK and GET_VRING_BASE. */
  readonly started: boolean;
  readonly enabled: boolean;
  /** While the ring is started. A ring that starts again has another queue. */
  readonly queue: Virtqueue | undefined;
  /** Whether it may stop with requests unanswered, because the front end keeps note of them. */
  readonly mayLeaveInflight: boolean;
}

/** One front end's connection, as the back end sees it. */
export interface Session {
  readonly rings: readonly Ring[];
  /** Feature bits that the front end accepted; 0n before SET_FEATURES. */
  readonly features: bigint;
  readonly protocolFeatures: bigint;
  /** Tell the driver that `ring` has used buffers. Does nothing where the front end gave no call descriptor. */
  notify(ring: Ring): void;
  /** Tell the front end that `ring` is broken: its queue threw a `VirtqueueError`. */
  reportBroken(ring: Ring): void;
  /**
   * Tell the driver that the configuration space has changed, once a ring runs. Does nothing where the front end takes
   * no requests.
   */
  announceConfigChange(): void;
  /** Whether a change of the configuration space is still to be told to the driver. */
  readonly owesConfigChange: boolean;
}

/**
 * What a session drives: the instance behind the socket. Every method runs on the device thread and returns when its
 * work is done. A `FerryError` thrown from a method refuses the request: the front end is told, the session lives on.
 */
export interface BackEnd {
  readonly profile: Profile;
  /** Something has to be done before any session serves its next request: `onReady` returns after the present one. */
  readonly wantsTurn?: boolean;
  /** SET_OWNER, or the first request that changes the instance. Throws while another live session owns it. */
  claim(session: Session): void;
  setFeatures(session: Session, features: bigint): void;
  /**
   * Where ring `index` of `kind` goes on that the front end wants to start at `base`: there, unless it does not know where
   * the ring stood when its last connection ended.
   */
  goOnAt(session: Session, index: number, kind: VirtqueueKind, base: number): number;
  /**
   * SET_VRING_KICK: the ring runs from now on, and has to be looked at once without waiting for a kick. Comes again
   * when the front end replaces the kick descriptor of a running ring.
   */
  startRing(session: Session, ring: Ring): void;
  /**
   * GET_VRING_BASE: on return no request of this ring is being worked on, or all that are have been parked; they need no
   * answer where the ring may leave them. When it was the last running ring, the device is suspended.
   */
  stopRing(session: Session, ring: Ring): void;
  /** SET_VRING_ENABLE, also while the ring is stopped. A ring that becomes enabled has to be looked at once. */
  enableRing(session: Session, ring: Ring, enabled: boolean): void;
  /**
   * Guest memory is about to be unmapped: on return nothing but this thread touches it. Throws where that cannot be had.
   */
  releaseMemory(session: Session): void;
  /** The guest's memory, or part of it, is another: requests that lay in what is gone have to be given up. */
  memoryChanged(session: Session): void;
  /** RESET_DEVICE: back to the initial state if this session owns the instance. Rings are stopped afterwards. */
  reset(session: Session): void;
  /** `length` bytes of the configuration space from `offset`; throws where there are fewer. */
  readConfig(offset: number, length: number): Uint8Array;
  writeConfig(offset: number, bytes: Uint8Array): void;
  /**
   * SET_DEVICE_STATE_FD, which comes only while no ring of this session runs. Takes over `channel`, the front end's
   * end of the stream. Returns undefined to use it, or a descriptor of its own that the front end shall use instead;
   * the session sends that one and closes it here. The transfer runs after the answer has gone out.
   */
  beginTransfer(session: Session, direction: 'save' | 'load', channel: Fd): Fd | undefined;
  /** CHECK_DEVICE_STATE: finishes the transfer; throws unless it succeeded. Consumes the result. */
  checkTransfer(session: Session): void;
  /** The connection is over; nothing of the session may be used after this call. */
  disconnected(session: Session): void;
}
