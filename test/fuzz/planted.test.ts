/** Faults that only nonsense finds: the fuzz targets find them in the time that they have. */
import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../support/planted.ts';

const target = (name: string) => new URL(`./${name}.test.ts`, import.meta.url);

const faults: [what: string, file: URL, fault: Fault][] = [
  [
    'a record whose checksum nobody looks at',
    target('state'),
    {
      file: 'src/state/frame-reader.ts',
      find: 'if (!checksumHolds(frame, this.#view, at))',
      replace: 'if (false)',
    },
  ],
  [
    'descriptors of refused requests that stay open',
    target('vhost-user'),
    { file: 'src/vhost-user/back-end/session.ts', find: 'closeAll(request.fds);', replace: '' },
  ],
  [
    'lines that may be of any length',
    target('control'),
    { file: 'src/control/lines.ts', find: 'if (this.#held > MAX_LINE)', replace: 'if (false)' },
  ],
];

for (const [what, file, fault] of faults)
  test(`${what} turns red`, () => assertTurnsRed(file, fault, /fuzzed/));
