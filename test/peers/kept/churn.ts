import assert from 'node:assert/strict';
import type { GuestAgent } from '../../../src/launch/index.ts';
import { until } from './workplace.ts';

const ACTOR = 20;
const FILES = 24;
const BLOCKS = 16;

/** A process in the guest that works on open files all the time, half of them deleted, and checks all it reads. */
export class Churn {
  readonly #agent: GuestAgent;
  readonly #work: Promise<{ operations: number; errors: number; first: string }>;

  private constructor(agent: GuestAgent, folder: string) {
    this.#agent = agent;
    this.#work = agent.call('churn', [folder, FILES, BLOCKS, 1], { actor: ACTOR, deadline: 600_000 });
    // Told by `end`; a guest whose machine was killed tells nobody
    this.#work.catch(() => undefined);
  }

  static async begin(agent: GuestAgent, folder: string): Promise<Churn> {
    await agent.call('mkdir', [folder]);
    const churn = new Churn(agent, folder);
    await churn.goesOn();
    return churn;
  }

  /** Returns when it has done something more, and nothing was wrong with that. */
  async goesOn(): Promise<void> {
    const { operations } = await this.#agent.progress(ACTOR);
    await until('Further work on open files', async () => {
      const now = await this.#agent.progress(ACTOR);
      assert.equal(now.errors, 0);
      return now.operations > operations;
    });
  }

  /** Ends the work, after every byte of it was checked once more. */
  async end(): Promise<void> {
    await this.#agent.interrupt(ACTOR);
    const { operations, errors, first } = await this.#work;
    assert.equal(errors, 0, first);
    assert.ok(operations > 0);
  }
}
