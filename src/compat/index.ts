/** Migration compatibility: migration info documents, parameter lists, verdicts and choices. Pure: no process, no file. */
export { argvOf, commandLine, MODEL_OPTION, PARAMETER_OPTION, VERSION_OPTION } from './argv.ts';
export { type Check, type CheckOptions, check, prepareCheck } from './check.ts';
export { type Choice, type ChoicePolicy, type Chosen, choose } from './choice/choose.ts';
export type { Culprit } from './choice/culprits.ts';
export type { GivenUp } from './choice/given-up.ts';
export { Pool } from './choice/pool.ts';
export { RULES, type Rule } from './choice/preference.ts';
export { buildList, complete, initialValues, profileValues } from './complete.ts';
export { listDigest } from './digest.ts';
export { LINT_CODES, type LintCode, type LintFinding } from './document/findings.ts';
export { formatInfo } from './document/format.ts';
export { parseInfo, type ReadInfo, readInfo } from './document/read.ts';
export type { InfoDocument } from './document/schema.ts';
export { loadInfoShape } from './document/shape.ts';
export {
  type BoxDomain,
  complement,
  contains,
  type Domain,
  domainOf,
  emptyDomain,
  extreme,
  formatDomain,
  type Interval,
  intDomain,
  intersect,
  isEmpty,
  nearest,
  quoteValue,
  sameDomain,
  strDomain,
  typeOfDomain,
  unite,
} from './domain.ts';
export { CompatError, type CompatErrorCode } from './errors.ts';
export { type Explained, explainCheck } from './explain.ts';
export { formatList, type MigrationList, parseList, readList } from './list.ts';
export type { Assignment, Box, Constraint, MigrationInfo, Model, Parameter } from './model.ts';
export { isModelName, isParameterName, isVersionName } from './names.ts';
export { type Narrowing, narrow } from './narrow.ts';
export { compareLists, generation, type ListOrder, ORDERS, type Order } from './newer.ts';
export { type Candidate, type Ranked, rank } from './rank.ts';
export { type Arguments, readArguments } from './read-arguments.ts';
export {
  compareBytes,
  EXPECTED,
  formatValue,
  LARGEST_INT,
  PARAMETER_TYPES,
  type ParameterType,
  parseValue,
  readValue,
  typeOf,
  type Value,
} from './value.ts';
export {
  ANSWERS,
  type Answer,
  answerOf,
  type Change,
  REASON_CODES,
  type Reason,
  type ReasonCode,
} from './verdict.ts';
