/** The tests of what keeps channels safe turn red without it. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const faults = new URL('./channels-faults.test.ts', import.meta.url);
const collect = new URL('./channels-collect.test.ts', import.meta.url);

test('a checksum that is not compared is noticed', () =>
  assertTurnsRed(
    faults,
    { file: 'src/engine/channels/packet-reader.ts', find: 'if (sum !== this.#sum)', replace: 'if (false)' },
    /every flipped bit/,
  ));

test('a channel that goes past a barrier is noticed', () =>
  assertTurnsRed(
    faults,
    {
      file: 'src/engine/channels/receive-loop.ts',
      find: 'if (control.released >= barrier) return;',
      replace: 'return;',
    },
    /a channel is held at a barrier/,
  ));

const tls = 'src/sys/tls.ts';

test('certificates that nobody looks at are noticed', () =>
  assertTurnsRed(
    collect,
    { file: tls, find: 'SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, 0', replace: '0, 0' },
    /each end sees who the other is/,
  ));

test('a TLS stream that may end without the bye is noticed', () =>
  assertTurnsRed(
    collect,
    {
      file: tls,
      find: 'return this.#fail(this.#why());',
      replace: "const why = this.#why(); return why.includes('bye') ? 0 : this.#fail(why);",
    },
    /each end sees who the other is/,
  ));
