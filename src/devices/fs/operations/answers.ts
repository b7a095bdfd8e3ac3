import { type Exchange, putAttributesReply, putEntry, putNoEntry } from '../../../fuse/index.ts';
import { FileType, type Inode, SET_GID, SET_UID } from '../tree/inode.ts';

/**
 * How long the guest may keep what it was told, in seconds. Nobody but the guest changes the file system, and what it
 * remembers moves and is restored together with it, so this could be for ever.
 */
export const KEEP_SECONDS = 86_400;

/**
 * How long the guest may keep attributes. Writing to a setuid or setgid file takes these bits away without the guest's
 * kernel being told, which must not go by the old ones when it executes the file: it asks anew each time.
 */
export function attributeSeconds(inode: Inode): number {
  const special = (inode.mode & (SET_UID | SET_GID)) !== 0 && inode.type === FileType.regular;
  return special ? 0 : KEEP_SECONDS;
}

/** Answer with a reference to `inode`, which the guest takes back by FORGET; `offset` bytes into the body. */
export function answerEntry(x: Exchange, inode: Inode, offset = 0): number {
  inode.lookups++;
  return putEntry(x, offset, inode, inode.generation, KEEP_SECONDS, attributeSeconds(inode));
}

/** Answer that there is no such name. */
export function answerNoEntry(x: Exchange): number {
  return putNoEntry(x, KEEP_SECONDS);
}

/** Answer with what there is to know about `inode`. */
export function answerAttributes(x: Exchange, inode: Inode): number {
  return putAttributesReply(x, inode, attributeSeconds(inode));
}
