/**
 * The JSON Schema of migration info documents, made from the shape that they are read with.
 *
 *     node tools/info-schema/write.ts     writes schemas/migration-info.schema.json
 */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { loadInfoShape } from '../../src/compat/index.ts';

export const schemaFile = 'schemas/migration-info.schema.json';

/** The text of the schema: JSON Schema 2020-12. */
export async function schemaText(): Promise<string> {
  const { $schema, ...shape } = z.toJSONSchema(await loadInfoShape(), { io: 'input' });
  return `${JSON.stringify({ $schema, title: 'Migration info document', ...shape }, undefined, 2)}\n`;
}

if (import.meta.main) writeFileSync(schemaFile, await schemaText());
