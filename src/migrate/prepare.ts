import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asError } from '../errors.ts';
import type { MigrationCapability } from '../qmp/index.ts';
import { QmpUnansweredError } from '../qmp/index.ts';
import { freeze, release } from './back-ends.ts';
import type { Cause, Move, NextPhase, Sides } from './move.ts';
import type { Plan } from './plan.ts';

/** Owns the folder in which the stream's socket lies when the caller named no URI. */
export class PrivateFolder implements AsyncDisposable {
  #path: string | undefined;

  /** The URI of a socket that nobody else can reach. */
  async uri(): Promise<string> {
    this.#path ??= await mkdtemp(join(tmpdir(), 'ferry-migrate-'));
    return `unix:${join(this.#path, 'stream')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#path !== undefined) await rm(this.#path, { recursive: true, force: true });
  }
}

/** Touch both sides for the first time: hold the destination, set both up, connect them. */
export async function prepare(
  move: Move,
  sides: Sides,
  plan: Plan,
  folder: PrivateFolder,
): Promise<NextPhase> {
  const options = { signal: move.cancel };
  const { source, destination } = sides;
  let at = destination;
  const changed = await freeze(move, plan);
  if (changed !== undefined)
    return { name: 'roll-back', sides, plan, cause: { code: 'parameters-changed', text: changed } };
  try {
    // While it waits, `stop` only says that a loaded guest must not start by itself, whether or not -S was given.
    await destination.client.execute('stop', {}, options);
    await release(move, plan.destinationBackEnds);
    await destination.client.execute(
      'migrate-set-capabilities',
      { capabilities: switchOn(plan.destinationCapabilities) },
      options,
    );
    at = source;
    move.done.sourceSet = true;
    await source.client.execute(
      'migrate-set-capabilities',
      { capabilities: switchOn(plan.sourceCapabilities) },
      options,
    );
    await source.client.execute('migrate-set-parameters', plan.parameters, options);
    const uri = plan.uri ?? (await folder.uri());
    at = destination;
    if (plan.listen) {
      const keep = plan.keepFailed ? { 'exit-on-error': false } : {};
      move.done.listening = true;
      await destination.client.execute('migrate-incoming', { uri, ...keep }, options);
    }
    move.done.listening = true;
    at = source;
    move.done.migrating = true;
    await source.client.execute('migrate', { uri }, options);
    return { name: 'pre-copy', sides, plan };
  } catch (error) {
    return { name: 'roll-back', sides, plan, cause: causeOf(move, asError(error), at.name) };
  }
}

function switchOn(names: readonly MigrationCapability[]): { capability: MigrationCapability; state: true }[] {
  return names.map((capability) => ({ capability, state: true }));
}

/** Why a command that had to succeed did not. */
export function causeOf(move: Move, error: Error, where: string): Cause {
  if (move.cancel.aborted) return { code: 'cancelled', text: 'Cancelled', wanted: true };
  if (!(error instanceof QmpUnansweredError))
    return { code: 'command-refused', text: `${where}: ${error.message}` };
  return {
    code: error.why === 'closed' ? 'monitor-lost' : 'monitor-silent',
    text: `${where}: ${error.message}`,
  };
}
