/** Ours beside QEMU's: which of its complaints we have, which we do not and why, and what we have beyond. */
import type { Description, VmstateCode, VmstateDump, VmstateReason } from '../../../src/vmstate/index.ts';
import type { Complaint, ComplaintKind } from './complaints.ts';

export interface Judgement {
  /** Complaints that we have no finding for, each with the rule by which it is none. */
  readonly dropped: readonly { complaint: Complaint; rule: Rule | 'none' }[];
  /** Findings that no complaint stands for. */
  readonly added: readonly VmstateReason[];
}

/**
 * Why a complaint is a false alarm:
 *
 * - `field-version`: the version of a field only says from which version of its description on it is there, and at both
 *   sides it is
 * - `first-of-name`: the destination has two subsections of that name and loads the first, which is the same
 */
export type Rule = 'field-version' | 'first-of-name';

/** What each kind of complaint may be called here. */
const CODES: Readonly<Record<ComplaintKind, readonly VmstateCode[]>> = {
  device: ['device', 'device-renamed'],
  version: ['version', 'structure-version'],
  name: ['name', 'structure-name'],
  entry: ['unmigratable', 'subsection'],
  subsection: ['subsection'],
  structure: ['structure'],
  size: ['size'],
  field: ['field-missing', 'field-added', 'field-differs', 'subsection-twice'],
};

export function judge(
  complaints: readonly Complaint[],
  reasons: readonly VmstateReason[],
  source: VmstateDump,
  destination: VmstateDump,
): Judgement {
  const used = new Set<VmstateReason>();
  const dropped = complaints.flatMap((complaint) => {
    const same = reasons.filter((reason) => isSame(complaint, reason));
    for (const reason of same) used.add(reason);
    return same.length > 0 ? [] : [{ complaint, rule: ruleOf(complaint, source, destination) }];
  });
  return { dropped, added: reasons.filter((reason) => !used.has(reason)) };
}

function isSame(complaint: Complaint, reason: VmstateReason): boolean {
  if (reason.device !== complaint.device || !CODES[complaint.kind].includes(reason.code)) return false;
  if (complaint.description !== undefined && complaint.description !== reason.description) return false;
  switch (complaint.kind) {
    case 'device':
      return true;
    case 'version':
      return complaint.names[0] === reason.have && numbersIn(reason.want).includes(complaint.names[1] ?? '');
    case 'name':
      return complaint.names[0] === reason.want;
    case 'entry':
      return (complaint.names[0] === 'Subsections') === (reason.code === 'subsection');
    case 'field':
      return reason.code === 'subsection-twice' || complaint.names.some((name) => mentions(reason, name));
    default:
      return complaint.names[0] === reason.field;
  }
}

function numbersIn(text: string | undefined): string[] {
  return text?.match(/\d+/g) ?? [];
}

/** Whether the field is one of those that the finding lists. */
function mentions({ field, have, want }: VmstateReason, name: string): boolean {
  return (
    field === name ||
    [have, want].some((list) => list?.split(', ').some((each) => each.startsWith(`${name} (`)))
  );
}

function ruleOf(complaint: Complaint, source: VmstateDump, destination: VmstateDump): Rule | 'none' {
  const [ours, theirs] = [source, destination].map((dump) =>
    descriptionsIn(dump.devices.get(complaint.device)?.description, complaint.description),
  );
  if (ours === undefined || theirs === undefined) return 'none';
  if (complaint.kind === 'version' && fieldsAreThere(complaint, ours, theirs)) return 'field-version';
  const subsections = theirs.length > 1 && ours.length === 1;
  if (complaint.kind === 'field' && subsections && JSON.stringify(ours[0]) === JSON.stringify(theirs[0]))
    return 'first-of-name';
  return 'none';
}

/** Whether fields of one name have these two versions, and are there in the versions of their descriptions. */
function fieldsAreThere({ names }: Complaint, ours: Description[], theirs: Description[]): boolean {
  const [have, want] = names.map(Number);
  return ours.some(({ version, fields = [] }) =>
    fields.some((field) => {
      if (field.version !== have || version < field.version) return false;
      return theirs.some((other) =>
        other.fields?.some(
          (same) => same.name === field.name && same.version === want && other.version >= want,
        ),
      );
    }),
  );
}

/** All descriptions of a name, at any depth. */
function descriptionsIn(from: Description | undefined, name: string | undefined): Description[] {
  if (from === undefined) return [];
  const inside = [
    ...(from.fields ?? []).flatMap((field) => descriptionsIn(field.description, name)),
    ...from.subsections.flatMap((subsection) => descriptionsIn(subsection, name)),
  ];
  return from.name === name ? [from, ...inside] : inside;
}
