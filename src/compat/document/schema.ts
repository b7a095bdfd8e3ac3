/**
 * The shape of a migration info document: v3 parameters, v4 versions, and the extensions. The published JSON Schema
 * (`schemas/migration-info.schema.json`) and the types for whoever writes a document are made from it. What is read suits
 * it, and has more to suit: what a document means, names, and limits in bytes. Members that are not known are allowed, so
 * that later revisions stay readable.
 */
import { z } from 'zod';
import { MAX_ALLOWED_VALUES, MAX_CONSTRAINTS, MAX_DIGITS, MAX_VERSIONS } from '../limits.ts';

const DIGITS = `0|[1-9][0-9]{0,${MAX_DIGITS - 1}}`;
const RANGE = `[0-9]{1,${MAX_DIGITS}}-[0-9]{1,${MAX_DIGITS}}`;

/** What JSON holds exactly: up to 2^53 - 1. */
const small = z.int().min(0);
const int = z.union([small, z.string().regex(new RegExp(`^(?:${DIGITS})$`))]);
const intOrRange = z.union([small, z.string().regex(new RegExp(`^(?:${DIGITS}|${RANGE})$`))]);

function listOf<T extends z.ZodType>(entry: T) {
  return z.array(entry).min(1).max(MAX_ALLOWED_VALUES);
}

function parameterOf<N extends 'bool' | 'int' | 'str', V extends z.ZodType, E extends z.ZodType>(
  type: N,
  value: V,
  entry: E,
) {
  const later = z.looseObject({ allowed_values: listOf(entry), since: small });
  return z.looseObject({
    type: z.literal(type),
    init_value: value.describe('What a new instance has'),
    off_value: value
      .optional()
      .describe('What switches the effect off; without it the parameter cannot be switched off'),
    allowed_values: listOf(entry)
      .optional()
      .describe('Everything that is accepted; without it anything may be given and may be refused'),
    description: z.string().optional().describe('For people who look into a failure'),
    'x-since': z
      .union([small, z.looseObject({ since: small, values: z.array(later).max(MAX_ALLOWED_VALUES) })])
      .optional()
      .describe(
        'The revision of the model that introduced the parameter, and later ones that introduced values',
      ),
    'x-prefer': z
      .enum(['max', 'min'])
      .optional()
      .describe('Which end to choose for a new device where several values are possible'),
    'x-live': z
      .literal('state')
      .optional()
      .describe('It may be changed while the device runs: only the representation of its state changes'),
  });
}

const parameter = z.discriminatedUnion('type', [
  parameterOf('bool', z.boolean(), z.boolean()),
  parameterOf('int', int, intOrRange),
  parameterOf('str', z.string(), z.string()),
]);

const parameterName = z.string().regex(/^(?!\.{1,2}$)[^=/\s\p{Cc}]+$/u);
const modelName = z.string().regex(/^[^/\s\p{Cc}]+(?:\/[^/\s\p{Cc}]+)+$/u);
const version = z.string().regex(/^[\x20-\x7e]+$/);
const scalar = z.union([z.boolean(), small, z.string()]);
const profile = z.record(parameterName, scalar);
const box = z.record(parameterName, listOf(scalar));

/** A rule between parameters: an implication, or a union of boxes. */
const rule = z.union([
  // biome-ignore lint/suspicious/noThenProperty: the member is called so in documents
  z.looseObject({ if: box, then: box }),
  z.looseObject({ any: z.array(box).min(1).max(MAX_ALLOWED_VALUES) }),
]);

const model = z.looseObject({
  params: z.record(parameterName, parameter).optional().describe('Migration parameters by name (RFC v3)'),
  versions: z.array(version).max(MAX_VERSIONS).optional().describe('Version strings (RFC v4), newest last'),
  profiles: z.record(version, profile).optional().describe('Named sets of values of parameters, newest last'),
  'x-constraints': z.array(rule).max(MAX_CONSTRAINTS).optional().describe('Rules that all have to hold'),
});

/** A whole document. */
export const InfoShape = z.looseObject({
  models: z.record(modelName, model).describe('Device models by their strings, such as a.com/nic'),
});

/** A migration info document as JSON has it. */
export type InfoDocument = z.infer<typeof InfoShape>;
