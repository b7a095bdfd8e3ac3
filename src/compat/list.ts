import type { Assignment } from './model.ts';

/**
 * The migration parameter list of a device: its model, the parameters whose effect is not switched off, and the version
 * or profile that says the same, where the device was made with one.
 */
export interface MigrationList {
  readonly model: string;
  readonly version: string | undefined;
  readonly parameters: Assignment;
}
