/**
 * The JSON Schema of migration info documents, made from the shape that they are read with.
 *
 *     node tools/info-schema/write.ts     writes schemas/migration-info.schema.json
 */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { InfoShape } from '../../src/compat/document/schema.ts';

export const schemaFile = 'schemas/migration-info.schema.json';

/** The text of the schema: JSON Schema 2020-12. */
export function schemaText(): string {
  const { $schema, ...shape } = z.toJSONSchema(InfoShape, { io: 'input' });
  return `${JSON.stringify({ $schema, title: 'Migration info document', ...shape }, undefined, 2)}\n`;
}

if (import.meta.main) writeFileSync(schemaFile, schemaText());
