import { FerryError } from '../errors.ts';

/** No connection to a monitor: nobody listens, no greeting came, or the address is unusable. */
export class QmpConnectError extends FerryError {
  constructor(message: string, options: { cause?: unknown; retry?: boolean } = {}) {
    super('ERR_QMP_CONNECT', message, options);
  }
}

/** QEMU refused a command. `errorClass` and `description` are QEMU's own. */
export class QmpCommandError extends FerryError {
  readonly command: string;
  readonly errorClass: string;
  readonly description: string;

  constructor(command: string, errorClass: string, description: string) {
    super('ERR_QMP_COMMAND', `QEMU refused ${command}: ${description}`);
    this.command = command;
    this.errorClass = errorClass;
    this.description = description;
  }
}

/** The peer said something that QMP does not allow. The connection is given up. */
export class QmpProtocolError extends FerryError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('ERR_QMP_PROTOCOL', message, options);
  }
}

/** Why a command got no answer. */
export type Unanswered = 'deadline' | 'aborted' | 'closed';

const CODES: Readonly<Record<Unanswered, string>> = {
  deadline: 'ERR_QMP_DEADLINE',
  aborted: 'ERR_QMP_ABORTED',
  closed: 'ERR_QMP_CLOSED',
};

/**
 * A command got no answer. When `sent` is false QEMU has never seen it; when it is true QEMU may have carried it out,
 * or may yet do so.
 */
export class QmpUnansweredError extends FerryError {
  readonly command: string;
  readonly why: Unanswered;
  readonly sent: boolean;

  constructor(command: string, why: Unanswered, sent: boolean, detail: string, cause?: unknown) {
    const state = sent ? 'it was sent and may have taken effect' : 'it was not sent';
    super(CODES[why], `${command} got no answer: ${detail}; ${state}`, cause === undefined ? {} : { cause });
    this.command = command;
    this.why = why;
    this.sent = sent;
  }
}

/** A subscriber read so slowly that events would have been lost. What they said must be asked for instead. */
export class QmpEventOverflowError extends FerryError {
  constructor(limit: number) {
    super(
      'ERR_QMP_EVENT_OVERFLOW',
      `More than ${limit} events waited to be read; the subscription has ended`,
    );
  }
}

/** The connection ended while somebody waited for its next event. */
export class QmpClosedError extends FerryError {
  constructor(message: string, cause?: unknown) {
    super('ERR_QMP_CLOSED', message, cause === undefined ? {} : { cause });
  }
}
