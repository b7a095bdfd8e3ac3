/** The documents of `--json` as docs/json.md has them. A member that is not there, or that nobody wrote down, is an error. */
import { z } from 'zod';
import { QEMU_CODES } from '../../../src/qemu-compat/index.ts';
import { VMSTATE_CODES } from '../../../src/vmstate/index.ts';

const answer = z.enum(['yes', 'no', 'unproven']);
const values = z.record(z.string(), z.string());
const texts = z.array(z.string());
const change = z.strictObject({ parameter: z.string(), value: z.string(), live: z.boolean() });

const reason = z.strictObject({
  code: z.enum([
    'model',
    'unknown-parameter',
    'type',
    'value',
    'no-off-value',
    'off-value-differs',
    'constraint',
    'profile-differs',
    'version',
    'refused',
    'any-value',
    'constraint-beyond',
  ]),
  answer,
  parameter: z.string().optional(),
  have: z.string().optional(),
  want: z.string().optional(),
  where: z.string().optional(),
  message: z.string(),
  remedy: z.string().optional(),
  changes: z.array(change).optional(),
});

const list = z.strictObject({
  model: z.string(),
  version: z.string().nullable(),
  parameters: values,
  text: z.string(),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});

const finding = z.strictObject({
  level: z.enum(['error', 'warning']),
  code: z.string(),
  place: z.string(),
  line: z.int(),
  column: z.int(),
  message: z.string(),
});

const error = z.strictObject({ code: z.string(), message: z.string() });
const unreadable = z.array(z.strictObject({ id: z.string(), where: z.string(), error }));
const source = z.strictObject({ where: z.string(), list });
const reasons = z.array(reason);
const argv = texts.nullable();
const wayOut = z.array(change).nullable();
const order = z.enum(['newer', 'older', 'same', 'incomparable']);

const parameter = z.strictObject({
  name: z.string(),
  type: z.enum(['bool', 'int', 'str']),
  init: z.string(),
  off: z.string().nullable(),
  allowed: texts.nullable(),
  description: z.string().nullable(),
  since: z.int().nullable(),
  prefer: z.enum(['max', 'min']).nullable(),
  live: z.literal('state').nullable(),
});

const qemu = z.strictObject({ path: z.string(), version: z.string(), package: z.string() });

const side = z.strictObject({
  where: z.string(),
  list,
  support: texts,
  unproven: texts,
  generation: z.int().nullable(),
});

/** An object that begins as all do. */
function printed<C extends string, S extends z.ZodRawShape>(command: C, shape: S) {
  return z.strictObject({ version: z.literal(1), command: z.literal(command), ...shape });
}

export const SHAPES = {
  info: printed('info', {
    where: z.string(),
    from: z.enum(['file', 'stdin', 'program', 'sysfs', 'control']),
    models: z.array(
      z.strictObject({
        model: z.string(),
        parameters: z.array(parameter),
        versions: texts,
        profiles: z.record(z.string(), values),
        rules: texts,
      }),
    ),
    list: list.nullable(),
    findings: z.array(finding),
  }),
  list: printed('list', { where: z.string(), list }),
  check: printed('check', {
    answer,
    source,
    destinations: z.array(z.strictObject({ where: z.string(), answer, reasons, argv, wayOut })),
  }),
  explain: printed('explain', {
    answer,
    source,
    where: z.string(),
    by: z.string().nullable(),
    parameters: z.array(
      z.strictObject({
        parameter: z.string(),
        have: z.string().nullable(),
        allowed: z.string().nullable(),
        init: z.string().nullable(),
        off: z.string().nullable(),
        given: z.string().nullable(),
        answer,
        note: z.string(),
      }),
    ),
    reasons,
    wayOut,
  }),
  find: printed('find', {
    answer,
    source,
    total: z.int(),
    yes: z.int(),
    unproven: z.int(),
    no: z.int(),
    candidates: z.array(z.strictObject({ id: z.string(), where: z.string(), answer, reasons, argv })),
    unreadable,
  }),
  argv: printed('argv', { answer, where: z.string(), model: z.string(), reasons, argv }),
  choose: printed('choose', {
    answer,
    model: z.string(),
    total: z.int(),
    list: list.nullable(),
    profile: z.string().nullable(),
    values,
    argv,
    chosen: z.array(
      z.strictObject({ parameter: z.string(), value: z.string(), rule: z.string(), message: z.string() }),
    ),
    givenUp: z.array(
      z.strictObject({
        parameter: z.string(),
        value: z.string(),
        chosen: z.string(),
        because: texts,
        message: z.string(),
      }),
    ),
    culprits: z.array(
      z.strictObject({
        parameter: z.string().nullable(),
        kind: z.string(),
        bestValue: z.string().nullable(),
        covered: z.int(),
        total: z.int(),
        leaveOut: texts,
        message: z.string(),
      }),
    ),
    reasons,
    kept: texts,
    leaveOut: texts,
    without: texts,
    unreadable,
  }),
  newer: printed('newer', {
    answer,
    order,
    bySupport: order,
    byGeneration: order,
    a: side,
    b: side,
    total: z.int(),
    unreadable,
  }),
  lint: printed('lint', {
    answer: z.enum(['yes', 'no']),
    errors: z.int(),
    warnings: z.int(),
    documents: z.array(z.strictObject({ where: z.string(), findings: z.array(finding) })),
  }),
  apply: printed('apply', {
    answer,
    sysfs: z.string(),
    model: z.string(),
    device: z.string().nullable(),
    created: z.boolean(),
    written: z.array(z.strictObject({ attribute: z.string(), value: z.string() })),
    reasons,
    refusal: z
      .strictObject({
        code: z.string(),
        message: z.string(),
        attribute: z.string().nullable(),
        errno: z.string().nullable(),
        state: values,
        removed: z.boolean().nullable(),
      })
      .nullable(),
  }),
  set: printed('set', {
    answer: z.enum(['yes', 'no']),
    control: z.string(),
    parameter: z.string(),
    value: z.string(),
    list,
    refusal: error.nullable(),
  }),
  qemu: printed('qemu', {
    answer,
    source: qemu,
    destination: qemu,
    machines: z.array(z.strictObject({ machine: z.string(), answer })),
    reasons: z.array(
      reason.extend({
        code: z.enum([...QEMU_CODES, ...VMSTATE_CODES.map((code) => `vmstate-${code}` as const)]),
        device: z.string().optional(),
        ifUsed: z.boolean(),
        machines: texts,
      }),
    ),
    vm: z
      .strictObject({
        monitor: z.string(),
        name: z.string().nullable(),
        uuid: z.string(),
        machine: z.string(),
        cpus: texts,
        devices: texts,
        findings: z.array(
          z.strictObject({
            id: z.string(),
            verdict: z.enum(['ok', 'warn', 'refuse']),
            found: z.string(),
            expected: z.string(),
            remedy: z.string().optional(),
          }),
        ),
      })
      .nullable(),
  }),
} as const;

/** What is printed where there is no answer. */
export const NO_ANSWER = z.strictObject({ version: z.literal(1), command: z.string(), error });
