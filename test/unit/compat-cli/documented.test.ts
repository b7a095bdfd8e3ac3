/** docs/json.md names every command, member and code. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { REASON_CODES } from '../../../src/compat/index.ts';
import { QEMU_CODES } from '../../../src/qemu-compat/index.ts';
import { SHAPES } from './shapes.ts';

const page = readFileSync('docs/json.md', 'utf8');

/** The page by its headings. */
const sections = new Map(
  page.split(/^###? /m).map((section) => [section.slice(0, section.indexOf('\n')), section]),
);

for (const [command, shape] of Object.entries(SHAPES))
  test(`what \`ferry compat ${command} --json\` prints is documented`, () => {
    const section = sections.get(`\`${command}\``);
    assert.ok(section !== undefined, `docs/json.md has no section \`${command}\``);
    for (const member of Object.keys(shape.shape))
      if (member !== 'version' && member !== 'command')
        assert.match(section, new RegExp(`\`${member}\``), `${command} does not name ${member}`);
  });

test('every code of a reason is documented', () => {
  for (const code of [...REASON_CODES, ...QEMU_CODES]) assert.ok(page.includes(`\`${code}\``), code);
});
