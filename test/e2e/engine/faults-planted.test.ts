/** Checks without which a machine would be lost, run twice or be damaged: the table of faults notices when they are missing. */
import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../../support/planted.ts';

const TABLE = new URL('./faults.test.ts', import.meta.url);

const faults: [what: string, fault: Fault, red: RegExp][] = [
  [
    'checksums that nobody compares',
    {
      file: 'src/engine/channels/packet-reader.ts',
      find: 'if (sum !== this.#sum)',
      replace: 'if (sum !== this.#sum && sum < 0)',
    },
    /with checksums, a bit is flipped in a page/,
  ],
  [
    'pages that are not sent again when a channel has lost them',
    {
      file: 'src/engine/transfer/source/replacements.ts',
      find: 'pages: ram.lostBy(id)',
      replace: 'pages: 0',
    },
    /with checksums, a channel is cut/,
  ],
  [
    'a source that runs on where it does not know',
    {
      file: 'src/engine/transfer/source/roll-back.ts',
      find: "if (failure === 'unknown' && cause.from === 'here') {",
      replace: "if (failure === 'ends' && cause.from === 'here') {",
    },
    /commit: the destination stands still/,
  ],
];

for (const [what, fault, red] of faults) test(`${what}: noticed`, () => assertTurnsRed(TABLE, fault, red));
