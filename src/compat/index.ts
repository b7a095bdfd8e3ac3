/** Migration compatibility: migration info documents, parameter lists, verdicts and choices. Pure: no process, no file. */
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
export type { MigrationList } from './list.ts';
export type { Assignment, Box, Constraint, MigrationInfo, Model, Parameter } from './model.ts';
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
export { ANSWERS, type Answer, answerOf, REASON_CODES, type Reason, type ReasonCode } from './verdict.ts';
