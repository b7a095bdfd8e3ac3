/** Bytes in one line, its end not counted. */
export const MAX_LINE = 65_536;

/** Connections that a server takes at one time. */
export const MAX_CONNECTIONS = 16;

/** Requests of one connection that wait for their turn; more end it. */
export const MAX_WAITING = 32;

/** How long a connection may stay without asking anything, in milliseconds. */
export const IDLE = 60_000;

/** How long a client waits for an answer unless it says otherwise, in milliseconds. */
export const ANSWER = 10_000;

/** How long the parameters of a device may be frozen, in seconds: a move that takes longer says so again. */
export const MAX_FREEZE = 86_400;
