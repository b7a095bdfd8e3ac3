/**
 * The shape of a migration info document: v3 parameters, v4 versions, and the extensions. The published JSON Schema
 * (`schemas/migration-info.schema.json`) is made from it. What a document means beside its shape, and names and limits
 * in bytes, is looked after where it is read. Members that are not known are allowed: later revisions stay readable.
 */
import { z } from 'zod';
import { MAX_ALLOWED_VALUES, MAX_CONSTRAINTS, MAX_DIGITS, MAX_VERSIONS } from '../limits.ts';

const list = `a list of 1 to ${MAX_ALLOWED_VALUES} values`;
const whole = `a whole number from 0 on: a JSON number up to 2^53 - 1, above that a string of at most ${MAX_DIGITS} digits`;
const DIGITS = `0|[1-9][0-9]{0,${MAX_DIGITS - 1}}`;
const RANGE = `[0-9]{1,${MAX_DIGITS}}-[0-9]{1,${MAX_DIGITS}}`;

const range = `${whole}, or a range "min-max" of such digits`;
const int = z.union([upTo53(whole), z.string().regex(new RegExp(`^(?:${DIGITS})$`), { error: whole })], {
  error: whole,
});
const intOrRange = z.union(
  [upTo53(range), z.string().regex(new RegExp(`^(?:${DIGITS}|${RANGE})$`), { error: range })],
  {
    error: range,
  },
);
const bool = z.boolean({ error: 'true or false, without quotes' });
const str = z.string({ error: 'a string' });
const revision = upTo53('a revision: a whole number from 0 on');

function upTo53(error: string) {
  return z.int({ error }).min(0, { error });
}

function listOf<T extends z.ZodType>(entry: T) {
  return z.array(entry, { error: list }).min(1, { error: list }).max(MAX_ALLOWED_VALUES, { error: list });
}

function parameterOf<N extends 'bool' | 'int' | 'str', V extends z.ZodType, E extends z.ZodType>(
  type: N,
  value: V,
  entry: E,
) {
  const later = z.looseObject(
    { allowed_values: listOf(entry), since: revision },
    { error: 'an object with allowed_values and since' },
  );
  return z.looseObject(
    {
      type: z.literal(type),
      init_value: value.describe('What a new instance has'),
      off_value: value
        .optional()
        .describe('What switches the effect off; without it the parameter cannot be switched off'),
      allowed_values: listOf(entry)
        .optional()
        .describe('Everything that is accepted; without it anything may be given and may be refused'),
      description: str.optional().describe('For people who look into a failure'),
      'x-since': z
        .union(
          [revision, z.looseObject({ since: revision, values: z.array(later).max(MAX_ALLOWED_VALUES) })],
          {
            error: 'a revision, or an object with since and values: [{ allowed_values, since }]',
          },
        )
        .optional()
        .describe(
          'The revision of the model that introduced the parameter, and later ones that introduced values',
        ),
      'x-prefer': z
        .enum(['max', 'min'], { error: '"max" or "min"' })
        .optional()
        .describe('Which end to choose for a new device where several values are possible'),
      'x-live': z
        .literal('state', { error: '"state"' })
        .optional()
        .describe('It may be changed while the device runs: only the representation of its state changes'),
    },
    { error: 'an object' },
  );
}

/** A parameter of a device model. */
export const ParameterShape = z.discriminatedUnion(
  'type',
  [parameterOf('bool', bool, bool), parameterOf('int', int, intOrRange), parameterOf('str', str, str)],
  {
    error: ({ input }) => (isObject(input) ? '"bool", "int" or "str"' : 'an object with type and init_value'),
  },
);

const parameterName = z.string().regex(/^(?!\.{1,2}$)[^=/\s\p{Cc}]+$/u);
const modelName = z.string().regex(/^[^/\s\p{Cc}]+(?:\/[^/\s\p{Cc}]+)+$/u);
const version = z.string().regex(/^[\x20-\x7e]+$/);
const scalar = z.union([z.boolean(), upTo53(whole), z.string()]);
const profile = z.record(parameterName, scalar);
const box = z.record(parameterName, listOf(scalar));

/** A rule between parameters: an implication, or a union of boxes. */
const rule = z.union([
  // biome-ignore lint/suspicious/noThenProperty: the member is called so in documents
  z.looseObject({ if: box, then: box }),
  z.looseObject({ any: z.array(box).min(1).max(MAX_ALLOWED_VALUES) }),
]);

const model = z.looseObject({
  params: z
    .record(parameterName, ParameterShape)
    .optional()
    .describe('Migration parameters by name (RFC v3)'),
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

/** A parameter as JSON has it. */
export type ParameterDocument = z.infer<typeof ParameterShape>;

/** An object of JSON. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
