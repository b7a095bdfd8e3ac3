import type { TestContext } from 'node:test';
import { directories } from './directories.ts';
import { files } from './files.ts';
import { locks } from './locks.ts';
import { names } from './names.ts';
import type { Keep, Look, Workplace } from './workplace.ts';

const everything: Readonly<Record<string, Keep>> = { ...files, ...names, ...directories, ...locks };

/** Everything that a guest keeps in one place while it moves. */
export class Belongings {
  readonly #place: Workplace;
  readonly #looks: ReadonlyMap<string, Look>;
  #moves = 0;

  private constructor(place: Workplace, looks: ReadonlyMap<string, Look>) {
    this.#place = place;
    this.#looks = looks;
  }

  static async make(place: Workplace, further: Readonly<Record<string, Keep>> = {}): Promise<Belongings> {
    await place.agent.call('mkdir', [place.folder]);
    const looks = new Map<string, Look>();
    for (const [what, keep] of Object.entries({ ...everything, ...further }))
      looks.set(what, await keep(place));
    return new Belongings(place, looks);
  }

  /** After a move, or whatever else must not be seen: looks at each thing, as a test of its own where `test` is given. */
  async look(test?: TestContext): Promise<void> {
    const move = ++this.#moves;
    await this.#place.forgetCaches();
    for (const [what, look] of this.#looks) {
      if (test === undefined) await look(move);
      else await test.test(`move ${move}: ${what}`, () => look(move));
    }
  }
}
