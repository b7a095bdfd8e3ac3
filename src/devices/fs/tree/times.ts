import type { Clock } from './clock.ts';
import type { Inode } from './inode.ts';

const DAY = 86400;

/** The contents changed, or the names in a directory. */
export function stampModified(inode: Inode, clock: Clock): void {
  inode.mtime = clock.seconds;
  inode.mtimeNanos = clock.nanos;
  stampChanged(inode, clock);
}

/** Something about the file changed that is not its contents: attributes, names. */
export function stampChanged(inode: Inode, clock: Clock): void {
  inode.ctime = clock.seconds;
  inode.ctimeNanos = clock.nanos;
}

/**
 * The contents were read. The guest's kernel leaves this to the device; it is recorded as Linux does by default
 * (relatime): when the file changed since it was last read, and once a day.
 */
export function stampRead(inode: Inode, clock: Clock): void {
  clock.tick();
  if (
    isAfter(inode.atime, inode.atimeNanos, inode.mtime, inode.mtimeNanos) &&
    isAfter(inode.atime, inode.atimeNanos, inode.ctime, inode.ctimeNanos) &&
    clock.seconds - inode.atime < DAY
  )
    return;
  inode.atime = clock.seconds;
  inode.atimeNanos = clock.nanos;
}

function isAfter(seconds: number, nanos: number, otherSeconds: number, otherNanos: number): boolean {
  return seconds > otherSeconds || (seconds === otherSeconds && nanos > otherNanos);
}
