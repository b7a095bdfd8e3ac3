/** Front ends that can be connected at one time; one of them owns the device. */
export const MAX_SESSIONS = 16;

/** Descriptors that one device thread watches: connections, kicks and the device's own. */
export const MAX_WATCHES = 4096;

/** Refused requests of one connection that are told about; there may be any number. */
export const MAX_COMPLAINTS = 100;

/** Requests of one ring that are handled before the others have their turn. */
export const MAX_TURN = 32;

/** Requests after which everything else is asked for, while more keep coming. */
export const POLL_EVERY = 64;

/** The device thread answers the operator within this time, in milliseconds, unless its device keeps it busy. */
export const ANSWER_WITHIN = 10_000;

/** How long the orderly end of a device may take before its thread is ended by force, in milliseconds. */
export const STOP_WITHIN = 5_000;

/** Answers that are shown to a driver at one time, where it looks at the ring all the time. */
export const MAX_HELD = 16;

/** Bytes of a request and its answer beyond which it is shown at once. */
export const MAX_HELD_LENGTH = 4608;

/** Answers of one turn after which a driver is called anew, if it wants to be: waking one costs as much as several. */
export const CALL_EVERY = 8;

/** Bytes of a request and its answer beyond which a driver is called at once. */
export const MAX_UNCALLED_LENGTH = 65_536;

/** Answers that a driver has to take without wanting to be called before several are shown to it at one time. */
export const QUIET = 4096;

/** Bytes of the migration parameter list in a device's state. */
export const MAX_LIST = 65_536;
