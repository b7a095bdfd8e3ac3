/** Each check that keeps a wrong stream from being taken for a whole one, left out: a test sees it. */
import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../../support/planted.ts';

const streams = new URL('../../hostile/qemu-stream/refused.test.ts', import.meta.url);
const machines = new URL('./receive.test.ts', import.meta.url);

const FAULTS: readonly { what: string; where: URL; fault: Fault; red: RegExp }[] = [
  {
    what: 'footers are not compared',
    where: streams,
    fault: {
      file: 'src/qemu-stream/main-stream.ts',
      find: 'mark !== SectionType.footer || found !== id',
      replace: 'mark !== SectionType.footer',
    },
    red: /the footer of another section/,
  },
  {
    what: 'blocks may be more than their total',
    where: streams,
    fault: { file: 'src/qemu-stream/ram.ts', find: 'if (length > left)', replace: 'if (length < 0)' },
    red: /blocks that are more than their total/,
  },
  {
    what: 'packets behind the last barrier are taken',
    where: machines,
    fault: {
      file: 'src/machine/qemu/intake.ts',
      find: 'if (pages.packets !== this.#packets)',
      replace: 'if (pages.packets < this.#packets)',
    },
    red: /pages behind the last barrier/,
  },
  {
    what: 'a page that was something stays it, though the source says that it is zero now',
    where: machines,
    fault: {
      file: 'src/machine/qemu/intake.ts',
      find: 'if (!fresh || receiver.received.has(page))',
      replace: 'if (!fresh)',
    },
    red: /pages that the source finds to be zero later/,
  },
];

for (const { what, where, fault, red } of FAULTS)
  test(`planted: ${what}`, () => assertTurnsRed(where, fault, red));
