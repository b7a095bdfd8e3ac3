import type { Command } from 'commander';
import type { Answer, Reason } from '../../compat/index.ts';
import { ApplyError, applySysfs } from '../../discover/index.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import { addOutputOptions, answer, headline, needed, type OutputFlags } from './answer.ts';
import type { Values } from './documents.ts';
import { CAN, reasonLines } from './reasons.ts';
import { addSourceOptions, readSource, type SourceFlags } from './source.ts';
import { type Show, table } from './table.ts';
import { readWhere } from './where.ts';

interface ApplyFlags extends OutputFlags, SourceFlags {
  readonly sysfs?: string;
  readonly uuid?: string;
  readonly document?: string;
}

interface Written {
  readonly attribute: string;
  readonly value: string;
}

export interface ApplyDocument {
  /** `no` or `unproven` without a refusal: nothing was written. */
  readonly answer: Answer;
  readonly sysfs: string;
  readonly model: string;
  /** The device that has the list now; null where none has. */
  readonly device: string | null;
  /** Whether it was made for this. */
  readonly created: boolean;
  readonly written: readonly Written[];
  readonly reasons: readonly Reason[];
  /** What the device refused; null where it refused nothing. */
  readonly refusal: {
    readonly code: string;
    readonly message: string;
    /** Null: it was not about one attribute; no system call failed; no device had been made. */
    readonly attribute: string | null;
    readonly errno: string | null;
    /** What the attributes say now; nothing where the device was removed again. */
    readonly state: Values;
    readonly removed: boolean | null;
  } | null;
}

/** `ferry compat apply`: give a device in sysfs what a source has. */
export function addApplyCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('apply')
    .summary('give a device in sysfs the parameters of a source')
    .description(
      'Give a device in sysfs, or a new one of a type, the parameters of a source: each attribute is written once. Nothing is written when the answer is no.',
    )
    .option('--sysfs <path>', 'the device, or the type that a new one is made of')
    .option('--uuid <uuid>', 'UUID of a new device; made up where it is not given')
    .option(
      '--document <where>',
      'the document that was checked with: where the device has another one nothing is written; needed where it names no type',
    );
  addSourceOptions(command);
  addOutputOptions(command).action((flags: ApplyFlags) =>
    answer<ApplyDocument>(command, own, flags, {
      run: async (asking) => {
        const sysfs = needed(command, '--sysfs <path>', flags.sysfs);
        const { list, model: source } = await readSource(command, flags, asking);
        const head = { sysfs, model: list.model };
        try {
          const { signal } = asking;
          const planned = flags.document === undefined ? undefined : await readWhere(flags.document, asking);
          const applied = await applySysfs(sysfs, list, {
            document: planned?.info,
            source,
            uuid: flags.uuid,
            signal,
          });
          const { reasons } = applied.check;
          if (applied.outcome === 'refused') {
            const said = applied.check.answer;
            const nothing = { device: null, created: false, written: [], refusal: null };
            return { exit: COMPAT_EXIT[said], document: { answer: said, ...head, ...nothing, reasons } };
          }
          const { device, created, written } = applied;
          const done = { device, created, written, reasons, refusal: null };
          return { exit: COMPAT_EXIT.yes, document: { answer: 'yes', ...head, ...done } };
        } catch (error) {
          if (!(error instanceof ApplyError)) throw error;
          const { written } = error;
          const refusal = refusalOf(error);
          const nothing = { device: null, created: false, written, reasons: [], refusal };
          return { exit: COMPAT_EXIT.no, document: { answer: 'no', ...head, ...nothing } };
        }
      },
      render: renderApply,
    }),
  );
}

function refusalOf(error: ApplyError): ApplyDocument['refusal'] {
  const { code, message, attribute = null, errnoName: errno = null, removed = null } = error;
  return { code, message, attribute, errno, state: Object.fromEntries(error.state), removed };
}

/** For people: what was written, or what stands against it and what state that leaves. */
export function renderApply(document: ApplyDocument, show: Show): string {
  const { answer: said, sysfs, model, device, created, written, reasons, refusal } = document;
  const values = table(
    written.map(({ attribute, value }) => [attribute, value]),
    show,
  );
  if (refusal !== null) {
    const lines = [headline(said, refusal.message)];
    if (refusal.removed === true) lines.push('  The device that had been made was removed again');
    else if (written.length > 0) lines.push(`  Written before, and as it is now:`, ...values);
    return `${lines.join('\n')}\n`;
  }
  if (device === null)
    return `${[headline(said, `${sysfs} ${CAN[said]} ${model}; nothing was written`), ...reasonLines(reasons, show)].join('\n')}\n`;
  const words = `${device} ${created ? 'was made and ' : ''}has the parameters of the source`;
  return `${[headline(said, words), ...values].join('\n')}\n`;
}
