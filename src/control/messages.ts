/**
 * JSON-RPC 2.0, one message a line: requests `{"jsonrpc":"2.0","id":1,"method":"status","params":{}}`, answers with
 * `result` or `error`. No batches, no notifications.
 */
import { ControlError } from './errors.ts';

/** Codes that JSON-RPC 2.0 fixes, and the one for what the served program itself refuses. */
export const RpcCode = {
  parse: -32_700,
  request: -32_600,
  method: -32_601,
  params: -32_602,
  refused: -32_000,
} as const;

export interface RpcRequest {
  readonly id: number | string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface RpcError {
  readonly code: number;
  readonly message: string;
  /** The stable code of the `FerryError` behind it. */
  readonly data?: { readonly code: string };
}

export type RpcAnswer =
  | { readonly id: number | string; readonly result: unknown }
  | { readonly id: number | string | null; readonly error: RpcError };

/** Any object of JSON. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One line of JSON. Throws `ERR_CONTROL_MESSAGE`. */
export function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new ControlError('ERR_CONTROL_MESSAGE', `No JSON: ${line.slice(0, 80)}`, { cause });
  }
}

/** A request, or what is wrong with it. */
export function decodeRequest(message: unknown): RpcRequest | string {
  if (!isObject(message)) return 'A request is an object';
  const { jsonrpc, id, method, params = {} } = message;
  if (jsonrpc !== '2.0') return 'jsonrpc is "2.0"';
  if (typeof id !== 'number' && typeof id !== 'string') return 'id is a number or a string';
  if (typeof method !== 'string') return 'method is a string';
  if (!isObject(params)) return 'params is an object';
  return { id, method, params };
}

/** An answer. Throws `ERR_CONTROL_MESSAGE`. */
export function decodeAnswer(message: unknown): RpcAnswer {
  if (!isObject(message) || message.jsonrpc !== '2.0') throw malformed(message);
  const { id, result, error } = message;
  const named = typeof id === 'number' || typeof id === 'string';
  if (error === undefined) {
    if (!named) throw malformed(message);
    return { id, result };
  }
  if (!isObject(error) || typeof error.code !== 'number' || typeof error.message !== 'string')
    throw malformed(message);
  const data =
    isObject(error.data) && typeof error.data.code === 'string' ? { code: error.data.code } : undefined;
  return {
    id: named ? id : null,
    error: { code: error.code, message: error.message, ...(data === undefined ? {} : { data }) },
  };
}

function malformed(message: unknown): ControlError {
  return new ControlError(
    'ERR_CONTROL_MESSAGE',
    `An answer of another form than JSON-RPC 2.0: ${JSON.stringify(message).slice(0, 200)}`,
  );
}

/** A message as a line. */
export function formatLine(message: object): string {
  return `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`;
}
