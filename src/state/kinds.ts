import { MAX_NAME } from './limits.ts';

/** What a frame is. Zero is no kind. */
export const Kind = { opening: 1, record: 2, closing: 3 } as const;

export type FrameKind = (typeof Kind)[keyof typeof Kind];

/** Whether `name` can name a section or a device. */
export function isName(name: string): boolean {
  return name.length <= MAX_NAME && /^[a-z0-9.-]+$/.test(name);
}
