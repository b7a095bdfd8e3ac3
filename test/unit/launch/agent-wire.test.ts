import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { DecodeError } from '../../../src/errors.ts';
import { decodeLine, encodeRequest, MAX_LINE } from '../../../src/launch/agent-wire.ts';

function signed(line: string): string {
  return `${line} *${crc32(line).toString(16).padStart(8, '0')}`;
}

describe('the agent’s lines', () => {
  it('are encoded as the agent reads them', () => {
    const line = encodeRequest(7, 2, 'open', ['0', '/a b%\u00e9', '']);
    assert.equal(line, `${signed('7 2 open 0 /a%20b%25%c3%a9 ')}\n`);
    assert.throws(() => encodeRequest(1, 1, 'put', ['x'.repeat(MAX_LINE)]), { code: 'ERR_AGENT_LINE' });
  });

  it('are decoded by kind', () => {
    assert.deepEqual(decodeLine(signed('3 ok length=5 data=6162 name=a%20b%3d')), {
      kind: 'ok',
      id: 3,
      fields: new Map([
        ['length', '5'],
        ['data', '6162'],
        ['name', 'a b='],
      ]),
    });
    assert.deepEqual(decodeLine(signed('4 error 2 No%20such%20file')), {
      kind: 'error',
      id: 4,
      errno: 2,
      message: 'No such file',
    });
    assert.deepEqual(decodeLine(signed('5 wrong no')), { kind: 'wrong', id: 5, message: 'no' });
    assert.deepEqual(decodeLine(signed('!beat 9 1000')), { kind: 'beat', count: 9, guestTime: 1000 });
    assert.throws(() => decodeLine(signed('6 perhaps')), { code: 'ERR_AGENT_LINE' });
  });

  it('count as lost when one character is different or missing', () => {
    const line = signed('3 ok length=5 data=6162');
    for (let i = 0; i < line.length; i++) {
      assert.equal(decodeLine(line.slice(0, i)), undefined);
      assert.equal(decodeLine(`${line.slice(0, i)}~${line.slice(i + 1)}`), undefined);
    }
  });

  it('never throw anything but a decode error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const line of [text, signed(text), signed(`1 error ${text}`), signed(`!beat ${text}`)]) {
          try {
            decodeLine(line);
          } catch (error) {
            assert.ok(error instanceof DecodeError);
          }
        }
      }),
    );
  });
});
