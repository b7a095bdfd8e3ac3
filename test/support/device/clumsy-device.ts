/** A device whose author made the mistake that `options` names. */

import {
  type Device,
  DONE,
  type Handled,
  LATER,
  type Request,
  type Staged,
} from '../../../src/device/index.ts';
import { FerryError } from '../../../src/errors.ts';

class Clumsy implements Device {
  readonly identity = { name: 'clumsy', virtioId: 61, stateVersion: 1 };
  readonly features = 0n;
  readonly queues = { count: 1, maxSize: 256 };
  readonly sections = [{ name: 'none', version: 1, required: true }];
  readonly #mistake: string;

  constructor(mistake: string) {
    this.#mistake = mistake;
  }

  handle(request: Request): Handled {
    if (this.#mistake === 'handle') throw new TypeError('a slip in handle');
    if (this.#mistake === 'later') return LATER;
    if (this.#mistake === 'both') request.defer();
    return DONE;
  }

  suspend(): void {
    if (this.#mistake === 'suspend') throw new FerryError('ERR_SLIP', 'a slip in suspend');
  }

  resume(): void {
    if (this.#mistake === 'resume') throw new FerryError('ERR_SLIP', 'a slip in resume');
  }

  reset(): void {
    if (this.#mistake === 'reset') throw new FerryError('ERR_SLIP', 'a slip in reset');
  }

  save(): void {
    if (this.#mistake === 'save') throw new TypeError('a slip in save');
  }

  load(): Staged {
    if (this.#mistake === 'load') throw new TypeError('a slip in load');
    return {
      commit: () => {
        if (this.#mistake === 'commit') throw new TypeError('a slip in commit');
      },
      [Symbol.dispose]: () => undefined,
    };
  }
}

export function createDevice(options: unknown): Device {
  if (options === 'create') throw new TypeError('a slip in createDevice');
  return new Clumsy(String(options));
}
