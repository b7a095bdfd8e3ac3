import { FerryError } from '../../errors.ts';

/** Something is wrong with a channel; the message says which one, and at which of its bytes. */
export class ChannelError extends FerryError {}

/** What a channel thread ends with when it was told to: no fault of its own. */
export class ChannelAborted extends Error {}
