import { FerryError } from '../errors.ts';

/** The peer's messages can no longer be told apart: the connection cannot go on. */
export class FramingError extends FerryError {}

/** A request that is refused. The peer is told, and the connection goes on. */
export class RequestError extends FerryError {}
