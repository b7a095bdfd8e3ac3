import type { Fd } from '../../sys/index.ts';
import { RequestError } from '../errors.ts';

/** A request as it arrived. Whoever wants to keep one of `fds` takes it out; the others are closed afterwards. */
export interface Request {
  readonly id: number;
  readonly flags: number;
  /** Valid until the next request is received. */
  readonly payload: Uint8Array;
  readonly fds: Fd[];
  /** Descriptors beyond `MAX_MESSAGE_FDS`, closed already. */
  readonly excessFds: number;
}

/** What a request with a reply of its own is answered with. The session sends `fd` along and closes it. */
export interface Answer {
  readonly payload: Uint8Array;
  readonly fd?: Fd;
}

/** Take the first descriptor out of a request: it is the caller's from now on. */
export function takeFd(fds: Fd[]): Fd {
  const fd = fds.shift();
  if (fd === undefined) throw new RequestError('ERR_FD_COUNT', 'No descriptor came, expected one');
  return fd;
}
