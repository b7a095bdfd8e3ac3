/** Faults that let a hostile front end have its way: the tables notice, in the process that serves. */
import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../support/planted.ts';

const beside = (name: string) => new URL(`./${name}.test.ts`, import.meta.url);

const faults: [what: string, file: URL, fault: Fault, red: RegExp][] = [
  [
    'descriptors of refused requests that stay open',
    beside('regions'),
    { file: 'src/vhost-user/back-end/session.ts', find: 'closeAll(request.fds);', replace: '' },
    /one more is refused/,
  ],
  [
    'as many regions as anybody likes',
    beside('regions'),
    {
      file: 'src/memory/guest-memory.ts',
      find: 'if (regions.length > this.capacity)',
      replace: 'if (false)',
    },
    /one more is refused/,
  ],
  [
    'a used length beyond what was written',
    beside('virtqueues'),
    {
      file: 'src/virtio/split-queue.ts',
      find: 'this.#usedWords[2 + element] = writable.written;',
      replace: 'this.#usedWords[2 + element] = writable.written + 1;',
    },
    /much more room than the answer takes/,
  ],
];

for (const [what, file, fault, red] of faults)
  test(`${what} turns red`, () => assertTurnsRed(file, fault, red));
