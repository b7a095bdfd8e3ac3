import type { InfoShape } from './schema.ts';

/**
 * The shape of migration info documents as a schema of zod, for whoever checks documents before they are read, or makes
 * other schemas from it. Loaded when it is asked for: reading documents does not need it.
 */
export async function loadInfoShape(): Promise<typeof InfoShape> {
  const loaded = await import('./schema.ts');
  return loaded.InfoShape;
}
