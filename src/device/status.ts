import { ProtocolFeature } from '../vhost-user/index.ts';

/** Feature bits as `0x130000000`. */
export function showFeatures(features: bigint): string {
  return `0x${features.toString(16)}`;
}

/** The names of protocol feature bits. */
export function protocolFeatureNames(features: bigint): string[] {
  return Object.entries(ProtocolFeature).flatMap(([name, bit]) => ((features & bit) === 0n ? [] : [name]));
}
