import { FerryError } from '../../errors.ts';
import { ProtocolFeature, VirtioFeature } from '../constants.ts';

/** What a back end said that it has. */
export interface Offer {
  /** GET_FEATURES */
  readonly features: bigint;
  /** GET_PROTOCOL_FEATURES; 0 where it was not asked for. */
  readonly protocolFeatures: bigint;
  /** GET_QUEUE_NUM; undefined where it was not asked for. */
  readonly queues: number | undefined;
  /** GET_MAX_MEM_SLOTS; undefined where it was not asked for. */
  readonly memorySlots: number | undefined;
}

/** What a front end and a back end have agreed on so far. */
export class Agreement {
  offered: Offer = { features: 0n, protocolFeatures: 0n, queues: undefined, memorySlots: undefined };
  /** Virtio features that both sides have. */
  features = 0n;
  /** Protocol features that both sides have. */
  protocolFeatures = 0n;

  /** Whether a protocol feature was negotiated. */
  has(feature: keyof typeof ProtocolFeature): boolean {
    return (this.protocolFeatures & ProtocolFeature[feature]) !== 0n;
  }

  /** Whether a feature of the virtio transport was negotiated. */
  hasVirtio(feature: keyof typeof VirtioFeature): boolean {
    return (this.features & VirtioFeature[feature]) !== 0n;
  }

  /** Throw `ERR_NOT_NEGOTIATED` unless a protocol feature was negotiated; `consequence` says what is impossible. */
  need(feature: keyof typeof ProtocolFeature, consequence: string): void {
    if (this.has(feature)) return;
    const offered = (this.offered.protocolFeatures & ProtocolFeature[feature]) !== 0n;
    throw new FerryError(
      'ERR_NOT_NEGOTIATED',
      `${offered ? 'The front end did not ask for' : 'The back end does not offer'} ${feature}; ${consequence}`,
    );
  }

  /**
   * Make sure that a back end which came back still has what was agreed on with it: a guest cannot be told that features
   * are gone. Throws `ERR_FEATURES_LOST`.
   */
  refuseLoss(before: Agreement): void {
    const lost = (had: bigint, has: bigint) => had & ~has;
    const virtio = lost(before.features, this.features);
    const protocol = lost(before.protocolFeatures, this.protocolFeatures);
    const slots = before.offered.memorySlots ?? 0;
    if (virtio !== 0n || protocol !== 0n)
      throw new FerryError(
        'ERR_FEATURES_LOST',
        `The back end came back without virtio features 0x${virtio.toString(16)} and protocol features ` +
          `0x${protocol.toString(16)}, which the guest uses`,
      );
    if ((this.offered.memorySlots ?? 0) < slots)
      throw new FerryError(
        'ERR_FEATURES_LOST',
        `The back end came back with ${this.offered.memorySlots} memory slots, before it had ${slots}`,
      );
  }
}
