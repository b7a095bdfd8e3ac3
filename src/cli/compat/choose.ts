import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Answer, argvOf, type Choice, choose, Pool, type Reason } from '../../compat/index.ts';
import { FerryError } from '../../errors.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import {
  addCacheOption,
  addOutputOptions,
  answer,
  headline,
  needed,
  type OutputFlags,
  type Telling,
} from './answer.ts';
import { type ListDocument, listDocument, type Values, valuesDocument } from './documents.ts';
import {
  INVENTORY,
  type Member,
  readMembers,
  type UnreadableDocument,
  unreadableLines,
} from './inventory.ts';
import { renderList } from './list.ts';
import { printableData } from './printable.ts';
import { reasonLines } from './reasons.ts';
import { gather } from './source.ts';
import { count, named, type Show, table } from './table.ts';

const FORMS = ['text', 'list', 'argv'] as const;

interface ChooseFlags extends OutputFlags {
  readonly among?: string;
  readonly model?: string;
  readonly label?: readonly string[];
  readonly atLeast?: number;
  readonly as: (typeof FORMS)[number];
}

export interface ChooseDocument {
  readonly answer: Answer;
  readonly model: string;
  /** Implementations of the model that were looked at. */
  readonly total: number;
  /** The list of a new device; null where nothing suits even one. */
  readonly list: ListDocument | null;
  /** The profile or version that says the same. */
  readonly profile: string | null;
  /** Value of every parameter. */
  readonly values: Values;
  readonly argv: readonly string[] | null;
  readonly chosen: readonly {
    readonly parameter: string;
    readonly value: string;
    readonly rule: string;
    readonly message: string;
  }[];
  /** What the most modern implementation has and a new device does not get, and because of whom. */
  readonly givenUp: readonly {
    readonly parameter: string;
    readonly value: string;
    readonly chosen: string;
    readonly because: readonly string[];
    readonly message: string;
  }[];
  /** Parameters for which nothing suits all. */
  readonly culprits: readonly {
    /** Null where it is a rule or the version. */
    readonly parameter: string | null;
    readonly kind: string;
    /** What suits the most, and how many of how many. */
    readonly bestValue: string | null;
    readonly covered: number;
    readonly total: number;
    readonly leaveOut: readonly string[];
    readonly message: string;
  }[];
  readonly reasons: readonly Reason[];
  /** Implementations that take the list, and those to leave out for it. */
  readonly kept: readonly string[];
  readonly leaveOut: readonly string[];
  /** Members of the inventory without this model. */
  readonly without: readonly string[];
  readonly unreadable: readonly UnreadableDocument[];
}

/** `ferry compat choose`: parameters for a new device that can move to many implementations. */
export function addChooseCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('choose')
    .summary('choose parameters for a new device, so that it can move to all')
    .description(
      'Choose parameters for a new device so that it can move between all implementations of an inventory, and say what is given up for that, and because of whom.',
    )
    .option('--among <inventory>', INVENTORY)
    .option('--model <string>', 'the device model; may be left out where there is one')
    .option('--label <label>', 'only members with this label; may be repeated', gather)
    .option('--at-least <number>', 'yes when so many can take it; all by default', parseCount)
    .addOption(
      new Option('--as <form>', 'print the verdict, the list alone, or the arguments one a line')
        .choices(FORMS)
        .default('text'),
    );
  addOutputOptions(addCacheOption(command)).action((flags: ChooseFlags) =>
    answer<ChooseDocument>(command, own, flags, {
      run: async (asking) => {
        const among = needed(command, '--among <inventory>', flags.among);
        const { members, unreadable } = await readMembers(among, asking, flags.label);
        const model = flags.model ?? onlyModel(members, among);
        const pool = new Pool(model);
        const without: string[] = [];
        for (const { id, info } of members) {
          const offered = info.models.get(model);
          if (offered === undefined) without.push(id);
          else pool.add(id, offered);
        }
        const choice = choose(pool, flags.atLeast === undefined ? {} : { atLeast: flags.atLeast });
        return {
          exit: COMPAT_EXIT[choice.answer],
          document: { ...chooseDocument(choice, model), without, unreadable },
        };
      },
      render: (document, show) => RENDER[flags.as](document, show),
      exact: flags.as !== 'text',
    }),
  );
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Found ${JSON.stringify(text)}, expected a number from 1 on.`);
}

/** The model that all members have in common. Throws `ERR_COMPAT_MODEL` where there is none, or more than one. */
function onlyModel(members: readonly Member[], among: string): string {
  const models = [...new Set(members.flatMap(({ info }) => [...info.models.keys()]))];
  const [only] = models;
  if (only !== undefined && models.length === 1) return only;
  throw new FerryError(
    'ERR_COMPAT_MODEL',
    only === undefined
      ? `${among} holds no device model`
      : `${among} holds ${models.length} device models, expected --model with one of ${named(models)}`,
  );
}

function chooseDocument(choice: Choice, model: string): Omit<ChooseDocument, 'without' | 'unreadable'> {
  const { answer: said, total, list, version, assignment, reasons, kept, leaveOut } = choice;
  return {
    answer: said,
    model,
    total,
    list: list === undefined ? null : listDocument(list),
    profile: version ?? null,
    values: assignment === undefined ? {} : valuesDocument(assignment),
    argv:
      assignment === undefined
        ? null
        : argvOf(assignment, assignment.size === 0 ? { model, version } : { model }),
    chosen: choice.chosen,
    givenUp: choice.givenUp,
    culprits: choice.culprits.map(({ parameter = null, bestValue = null, ...culprit }) => ({
      ...culprit,
      parameter,
      bestValue,
    })),
    reasons,
    kept,
    leaveOut,
  };
}

/** For people: whom it suits, the values, what was given up. */
export function renderChoose(document: ChooseDocument, show: Show): string {
  const why = new Map(document.chosen.map(({ parameter, message }) => [parameter, message]));
  const values = Object.entries(document.values).map(([name, value]) => [
    `${name}=${value}`,
    why.get(name) ?? '',
  ]);
  return linesOf(document, table(values, show), show);
}

function linesOf(document: ChooseDocument, values: readonly string[], show: Show): string {
  const { answer: said, model, total, givenUp, reasons, kept, leaveOut, without, unreadable } = document;
  const lines = [
    headline(
      said,
      `${kept.length} of ${count(total, 'implementation')} of ${model} take ${kept.length === 0 ? 'any list' : 'this'}`,
    ),
    ...values,
    ...reasonLines(reasons, show),
    ...table(
      givenUp.map(({ message }) => ['given up', message]),
      show,
    ),
    ...(leaveOut.length === 0 ? [] : [`  not taken by ${named(leaveOut, show)}`]),
    ...(without.length === 0 ? [] : [`  without this model: ${named(without, show)}`]),
    ...unreadableLines(unreadable, show),
  ];
  return `${lines.join('\n')}\n`;
}

/** The list alone, or the arguments alone, and none where the answer is no; what is to be known beside them on stderr. */
const RENDER: Readonly<
  Record<(typeof FORMS)[number], (document: ChooseDocument, show: Show) => Telling | string>
> = {
  text: renderChoose,
  list: (document, show) => alone(document, (list) => renderList(list), show),
  argv: (document, show) =>
    alone(document, () => (document.argv ?? []).map((one) => `${one}\n`).join(''), show),
};

function alone(document: ChooseDocument, print: (list: ListDocument) => string, show: Show): Telling {
  const { answer: said, list, givenUp } = document;
  const out = said === 'no' || list === null ? '' : print(list);
  return said === 'yes' && givenUp.length === 0
    ? { out }
    : { out, err: linesOf(printableData(document), [], show) };
}
