/** Migration compatibility: migration info documents, parameter lists, verdicts and choices. Pure: no process, no file. */
export type { Domain, Interval } from './domain.ts';
export { CompatError, type CompatErrorCode } from './errors.ts';
export type { MigrationList } from './list.ts';
export type { Assignment, Box, Constraint, MigrationInfo, Model, Parameter } from './model.ts';
export {
  formatValue,
  PARAMETER_TYPES,
  type ParameterType,
  parseValue,
  readValue,
  typeOf,
  type Value,
} from './value.ts';
export { ANSWERS, type Answer, answerOf, REASON_CODES, type Reason, type ReasonCode } from './verdict.ts';
