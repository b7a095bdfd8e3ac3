/**
 * The root of every error that Ferry raises on purpose. `code` is stable and may be matched; the message is for
 * people: what was found, what was expected, what state things are in now.
 */
export class FerryError extends Error {
  readonly code: string;
  /** Whether the same work may be tried again without anything being changed first. */
  readonly retry: boolean;

  constructor(code: string, message: string, options: { cause?: unknown; retry?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retry = options.retry ?? false;
  }
}

/** A failed system call: `syscall` is its C name, `errno` the positive error number. */
export class SystemError extends FerryError {
  readonly syscall: string;
  readonly errno: number;
  readonly errnoName: string;

  constructor(syscall: string, errno: number, errnoName: string, detail?: string) {
    super('ERR_SYSTEM', `${syscall} failed with ${errnoName}${detail === undefined ? '' : `: ${detail}`}`);
    this.syscall = syscall;
    this.errno = errno;
    this.errnoName = errnoName;
  }
}

/** Input that cannot be decoded: `field` names the place, `offset` is the byte offset within the message. */
export class DecodeError extends FerryError {
  readonly field: string;
  readonly offset: number | undefined;

  constructor(code: string, field: string, message: string, offset?: number) {
    super(code, offset === undefined ? `${field}: ${message}` : `${field} at byte ${offset}: ${message}`);
    this.field = field;
    this.offset = offset;
  }
}

/** Something did not happen in time. */
export class DeadlineError extends FerryError {
  constructor(what: string, milliseconds: number) {
    super('ERR_DEADLINE', `${what} did not happen within ${milliseconds} ms`, { retry: true });
  }
}

/** Narrow whatever was caught to an `Error`, so that its message can be shown. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
