/** Migration info documents from strangers: findings with a place, or a document that means the same when written again. */
import assert from 'node:assert/strict';
import { formatInfo, LINT_CODES, loadInfoShape, parseInfo, readInfo } from '../../src/compat/index.ts';
import { makeDocument } from '../support/compat/documents.ts';
import { mutated } from '../support/compat/mutated.ts';
import { type Draw, fuzz } from './target.ts';

const PIECES = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u',
  '/*',
  '//',
  '\n',
  '\r',
  '\ufeff',
  '\u2028',
  '\0',
  '-',
  '1e400',
  '9007199254740993',
  'nul',
  '\ud800',
  '[[',
];

/** A document, its parts changed, or its text. */
function makeText(draw: Draw): string {
  let document = makeDocument(draw);
  for (let changes = draw.below(4); changes > 0; changes--) document = mutated(document, draw);
  let text = JSON.stringify(document, undefined, draw.pick([0, 2]));
  for (let changes = draw.once(2) ? draw.below(4) : 0; changes > 0; changes--) {
    const at = draw.below(text.length + 1);
    const middle = draw.once(3) ? text.slice(draw.below(text.length + 1)) : draw.pick(PIECES);
    text = text.slice(0, at) + middle + text.slice(at + draw.below(3));
  }
  return text;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

fuzz('compat-documents', async (loop) => {
  const shape = await loadInfoShape();
  const seen = { sound: 0, refused: 0, broken: 0 };
  await loop((draw) => {
    const text = makeText(draw);
    const { info, findings } = readInfo(text);
    const lines = text.split(/\r\n?|\n/);
    for (const { code, place, line, column, message } of findings) {
      assert.ok(LINT_CODES.includes(code));
      assert.match(place, /^(\/|$)/);
      assert.ok(column >= 1 && column <= (lines[line - 1]?.length ?? -1) + 1, `${code} at ${line}:${column}`);
      assert.ok(message.length > 0 && message.length < 5000);
    }
    const errors = findings.filter(({ level }) => level === 'error');
    assert.equal(info === undefined, errors.length > 0);
    const noText = errors.some(({ code }) => code === 'not-json');
    if (!isJson(text)) assert.ok(noText || errors.some(({ code }) => code === 'too-deep'), text);
    else assert.ok(!noText, text);
    if (info === undefined) {
      seen[noText ? 'broken' : 'refused']++;
      return;
    }
    seen.sound++;
    assert.ok(shape.safeParse(JSON.parse(text)).success, 'what is read is of the published shape');
    assert.deepEqual(parseInfo(formatInfo(info)), info);
  });
  for (const [outcome, count] of Object.entries(seen)) assert.ok(count > 0, `no document was ${outcome}`);
});
