import { ControlServer } from '../control/index.ts';
import { type ServeOptions, serve } from '../device/index.ts';
import { asError } from '../errors.ts';
import { ExitCode } from './exit-codes.ts';

/** Serve a device until the end. Says on stderr when it is ready; `what` is for people. Returns the exit code. */
export async function runServer(
  options: ServeOptions,
  control: string | undefined,
  version: string,
  what: string,
): Promise<number> {
  const log = (line: string) => void process.stderr.write(`ferry serve: ${line}\n`);
  try {
    await using server = await serve({ ...options, log });
    await using _control =
      control === undefined
        ? undefined
        : await ControlServer.listen(control, server, { program: 'ferry', version, log });
    const where = options.socketPath ?? `descriptor ${options.fd}`;
    const details = control === undefined ? what : `${what}, control ${control}`;
    log(`${server.device} is ready at ${where} (${details})`);
    await server.ended;
    return ExitCode.ok;
  } catch (error) {
    log(asError(error).message);
    return ExitCode.failed;
  }
}

/** The module of a device room, in the sources or compiled. */
export function deviceModule(room: 'blk' | 'fs'): URL {
  const door = import.meta.url.endsWith('.ts') ? 'index.ts' : 'index.js';
  return new URL(`../devices/${room}/${door}`, import.meta.url);
}

export function printDocument(document: object): void {
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}
