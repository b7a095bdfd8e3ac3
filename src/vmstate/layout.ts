/** What of a description travels, and whether two fields are the same bytes. */
import { bytesOf, type Description, type Field, isPadding } from './dump.ts';
import { MAX_LAYOUT } from './limits.ts';

/**
 * The fields that are sent, or read, when `version` of the description is processed: those with a condition, of which
 * only the device knows, and those that the version has.
 */
export function fieldsAt(description: Description, version: number): Field[] {
  return (description.fields ?? []).filter((field) => field.conditional || field.version <= version);
}

/** The fields of a structure, put in its place; they are there only if it is. */
export function opened({ description, conditional }: Field): Field[] {
  if (description === undefined) return [];
  const fields = fieldsAt(description, description.version);
  return conditional ? fields.map((field) => ({ ...field, conditional })) : fields;
}

/** Whether both are one element or the same number of elements of the same length. */
export function sameLayout(a: Field, b: Field): boolean {
  const [left, right] = [layoutOf(a), layoutOf(b)];
  return left !== undefined && left === right;
}

/** Bytes that the field takes, with all that is in it; structures count by their fields. */
export function wireBytes(field: Field): number {
  if (field.description === undefined) return bytesOf(field);
  let bytes = 0;
  for (const each of opened(field)) bytes += wireBytes(each);
  return bytes * (field.count ?? 1);
}

/** The lengths of what the field is made of, in order; undefined when that is too much to compare. */
function layoutOf(field: Field): string | undefined {
  const parts: string[] = [];
  spell(field, parts);
  return parts.length > MAX_LAYOUT ? undefined : parts.join(' ');
}

function spell(field: Field, parts: string[]): void {
  if (parts.length > MAX_LAYOUT) return;
  const array = field.count !== undefined && field.count !== 1;
  if (field.conditional) parts.push('?');
  if (array) parts.push(`${field.count}*`);
  if (field.description === undefined) {
    parts.push(isPadding(field) ? `pad ${field.size}` : String(field.size));
    return;
  }
  if (array) parts.push('(');
  for (const each of fieldsAt(field.description, field.description.version)) spell(each, parts);
  for (const { name } of field.description.subsections) parts.push(name);
  if (array) parts.push(')');
}
