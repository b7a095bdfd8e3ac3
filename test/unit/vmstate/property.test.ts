import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compareDumps, type VmstateDump, type VmstateReason } from '../../../src/vmstate/index.ts';
import { type FieldShape, nic, type Shape } from './dumps.ts';

/** Descriptions of which every name is there once. */
const shapes: fc.Arbitrary<Shape> = fc
  .record({
    tree: fc.letrec<{ shape: Shape; field: FieldShape }>((tie) => ({
      shape: fc.record(
        {
          name: fc.constant('x'),
          version: fc.integer({ min: 2, max: 4 }),
          minimum: fc.integer({ min: 0, max: 2 }),
          fields: fc.array(tie('field'), { maxLength: 6 }),
          subsections: fc.array(tie('shape'), { maxLength: 2, depthIdentifier: 'shape' }),
        },
        { requiredKeys: ['name', 'version', 'minimum', 'fields'] },
      ),
      field: fc.record(
        {
          name: fc.constant('x'),
          size: fc.constantFrom(1, 2, 4, 8, 256),
          version: fc.integer({ min: 0, max: 2 }),
          conditional: fc.boolean(),
          count: fc.integer({ min: 1, max: 4 }),
          inside: fc.oneof(
            { depthSize: 'small', depthIdentifier: 'shape' },
            fc.constant(undefined),
            tie('shape'),
          ),
        },
        { requiredKeys: ['name', 'size', 'version', 'conditional'] },
      ),
    })).shape,
  })
  .map(({ tree }) => named(tree, { next: 0 }));

function named(shape: Shape, counter: { next: number }): Shape {
  return {
    ...shape,
    name: `d${counter.next++}`,
    fields: shape.fields?.map((field) => ({
      ...field,
      name: `f${counter.next++}`,
      ...(field.inside && { inside: named(field.inside, counter) }),
    })),
    subsections: (shape.subsections ?? []).map((each) => named(each, counter)),
  };
}

/** `shape` with its `n`th field as `change` makes it, counted through all descriptions; undefined where there are fewer. */
function changed(shape: Shape, n: number, change: (field: FieldShape) => FieldShape[]): Shape | undefined {
  let left = n;
  let done = false;
  const walk = (from: Shape): Shape => ({
    ...from,
    fields: from.fields?.flatMap((field) => {
      if (left-- === 0) {
        done = true;
        return change(field);
      }
      return [field.inside ? { ...field, inside: walk(field.inside) } : field];
    }),
    subsections: (from.subsections ?? []).map(walk),
  });
  const result = walk(shape);
  return done ? result : undefined;
}

function answers(source: VmstateDump, destination: VmstateDump): VmstateReason['answer'][] {
  return compareDumps(source, destination).map(({ answer }) => answer);
}

/** Something that takes bytes in the stream. */
function hasBytes({ inside, size }: FieldShape): boolean {
  return inside === undefined ? size !== 0 : (inside.fields ?? []).some(hasBytes);
}

const which = fc.nat({ max: 20 });

describe('whatever a description says', () => {
  it('it suits itself', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        assert.deepEqual(compareDumps(nic(shape), nic(shape)), []);
      }),
    );
  });

  it('a field that is missing at either end is noticed', () => {
    fc.assert(
      fc.property(shapes, which, (shape, n) => {
        let removed: FieldShape | undefined;
        const less = changed(shape, n, (field) => {
          removed = field;
          return [];
        });
        fc.pre(less !== undefined && removed !== undefined && hasBytes(removed));
        for (const [source, destination] of [
          [shape, less],
          [less, shape],
        ] as const)
          assert.notDeepEqual(
            answers(nic(source), nic(destination)).filter((answer) => answer !== 'yes'),
            [],
          );
      }),
    );
  });

  it('a field of another length is noticed', () => {
    fc.assert(
      fc.property(shapes, which, (shape, n) => {
        let leaf = false;
        const longer = changed(shape, n, (field) => {
          leaf = field.inside === undefined;
          return [{ ...field, size: (field.size ?? 4) + 1 }];
        });
        fc.pre(longer !== undefined && leaf);
        assert.ok(answers(nic(shape), nic(longer)).some((answer) => answer !== 'yes'));
      }),
    );
  });

  it('another name of the same bytes is no more than a note', () => {
    fc.assert(
      fc.property(shapes, which, (shape, n) => {
        const renamed = changed(shape, n, (field) => [{ ...field, name: 'renamed' }]);
        fc.pre(renamed !== undefined);
        assert.deepEqual([...new Set(answers(nic(shape), nic(renamed)))], ['yes']);
      }),
    );
  });

  it('a version that the destination does not take is refused', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(-1, 9), (shape, version) => {
        const reasons = compareDumps(nic({ ...shape, version, minimum: version }), nic(shape));
        assert.ok(reasons.some(({ code, answer }) => code === 'version' && answer === 'no'));
      }),
    );
  });
});
