/** Channels of one transfer: their number has one byte in the hello. */
export const MAX_CHANNELS = 255;

/** Memory that each channel takes for its packets, in bytes: headers, staging, and what else a call needs. */
export const CHANNEL_BYTES = 2 * 2 ** 20 + 128 * 1024;

/** Milliseconds that a packet may take once its first byte moved. */
export const PACKET_WITHIN = 30_000;

/** Milliseconds that a receiving channel waits for the next packet. */
export const IDLE_WITHIN = 300_000;

/** Milliseconds for the threads of channels to come up. */
export const START_WITHIN = 20_000;

/** Milliseconds that a thread which is not wanted any more may go on loading its modules. */
export const LOAD_WITHIN = 60_000;

/** Milliseconds for a thread to end once it was told to. */
export const END_WITHIN = 5_000;

/** Milliseconds for a connection to be made. */
export const CONNECT_WITHIN = 10_000;

/** Milliseconds that a new connection has to say what it is. */
export const IDENTIFY_WITHIN = 10_000;

/** Milliseconds for all connections of a transfer to be there. */
export const COLLECT_WITHIN = 60_000;

/** Connections that wait to be accepted: all of a transfer, and some more. */
export const BACKLOG = 1024;

/** Connections that may be there without having said what they are. */
export const MAX_UNIDENTIFIED = 32;

/** Connections that are turned away before a transfer gives up. */
export const MAX_STRANGERS = 1000;
