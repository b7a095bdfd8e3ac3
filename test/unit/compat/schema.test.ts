/** The published JSON Schema, and the types that documents are read with, say the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { type InfoDocument, loadInfoShape, parseInfo, readInfo } from '../../../src/compat/index.ts';
import { schemaFile, schemaText } from '../../../tools/info-schema/write.ts';
import { documentArbitrary, drawArbitrary, makeDocument } from '../../support/compat/documents.ts';
import { mutated } from '../../support/compat/mutated.ts';

const shape = await loadInfoShape();
const published: object = JSON.parse(readFileSync(schemaFile, 'utf8'));
const validate = new Ajv2020({ allErrors: false }).compile(published);

test('the published file is the schema (node tools/info-schema/write.ts writes it)', async () => {
  assert.equal(readFileSync(schemaFile, 'utf8'), await schemaText());
});

test('both take every sound document', () => {
  fc.assert(
    fc.property(documentArbitrary, (document) => {
      assert.ok(validate(document), JSON.stringify(validate.errors));
      assert.equal(shape.safeParse(document).success, true);
    }),
  );
});

test('both say the same of documents with something changed, and what is read without an error suits them', () => {
  let [sound, spoilt] = [0, 0];
  fc.assert(
    fc.property(drawArbitrary, (draw) => {
      const document: unknown = JSON.parse(JSON.stringify(mutated(makeDocument(draw), draw)));
      // zod passes over members of this name, which are none of its types'
      if (JSON.stringify(document).includes('__proto__')) return;
      const valid = validate(document);
      assert.equal(shape.safeParse(document).success, valid, JSON.stringify(validate.errors));
      if (readInfo(JSON.stringify(document)).info !== undefined)
        assert.ok(valid, JSON.stringify(validate.errors));
      if (valid) sound++;
      else spoilt++;
    }),
    { numRuns: 1000 },
  );
  assert.ok(sound > 20 && spoilt > 20, `${sound} sound, ${spoilt} not`);
});

test('a document can be written as a value of the type', () => {
  const document = {
    models: {
      'a.com/nic': {
        params: { q: { type: 'int', init_value: 4, allowed_values: ['1-8', 16], 'x-prefer': 'max' } },
        versions: ['v1'],
        profiles: { v1: { q: 4 } },
      },
    },
  } satisfies InfoDocument;
  assert.equal(
    parseInfo(JSON.stringify(document)).models.get('a.com/nic')?.parameters.get('q')?.prefer,
    'max',
  );
});
