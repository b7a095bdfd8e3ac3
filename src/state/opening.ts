import { FORMAT_VERSION, OLDEST_COMPATIBLE, OPENING_SIZE } from './frame.ts';

/** Oldest version of the format that this reader understands. */
const OLDEST_READABLE = 1;

/** Whose state a stream carries. */
export interface StateIdentity {
  /** Name of the device, such as `fs`. */
  readonly device: string;
  readonly virtioId: number;
  readonly stateVersion: number;
  /** Feature bits that the device and the guest's driver had agreed upon; 0n before there was a driver. */
  readonly features: bigint;
}

/** The opening's payload, for a stream in the current version of the format. */
export function encodeOpening({ virtioId, features }: StateIdentity): Uint8Array {
  const payload = new Uint8Array(OPENING_SIZE);
  const view = new DataView(payload.buffer);
  view.setUint16(0, FORMAT_VERSION, true);
  view.setUint16(2, OLDEST_COMPATIBLE, true);
  view.setUint32(4, virtioId, true);
  view.setBigUint64(8, features, true);
  return payload;
}

/** Why a stream with this opening cannot be read, or undefined where it can. */
export function refuseFormat(payload: Uint8Array): string | undefined {
  if (payload.length < 4) return `an opening of ${payload.length} bytes, expected ${OPENING_SIZE}`;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const version = view.getUint16(0, true);
  const oldest = view.getUint16(2, true);
  if (version < OLDEST_READABLE || oldest > FORMAT_VERSION || oldest > version)
    return `format version ${version} for readers from ${oldest} on, this one reads ${OLDEST_READABLE} to ${FORMAT_VERSION}`;
  if (payload.length < OPENING_SIZE || (version <= FORMAT_VERSION && payload.length > OPENING_SIZE))
    return `an opening of ${payload.length} bytes, expected ${OPENING_SIZE}`;
  return undefined;
}

/** Read an opening that `refuseFormat` has nothing against; device name and state version come from its header. */
export function decodeOpening(device: string, stateVersion: number, payload: Uint8Array): StateIdentity {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return { device, stateVersion, virtioId: view.getUint32(4, true), features: view.getBigUint64(8, true) };
}
