/**
 * The migration parameter list of a device: its model, the parameters whose effect is not switched off, and the version
 * or profile that says the same, where the device was made with one.
 */
export interface MigrationList {
  /** The device model string, such as `a.com/nic`. */
  readonly model: string;
  readonly version: string | undefined;
  /** Texts of values by name, sorted by name byte by byte. What is built from a model is canonical (`formatValue`). */
  readonly parameters: ReadonlyMap<string, string>;
}
