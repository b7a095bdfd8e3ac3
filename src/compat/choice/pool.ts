import { CompatError } from '../errors.ts';
import type { Model } from '../model.ts';
import { compareBytes } from '../value.ts';
import { type Variant, Variants } from './variants.ts';

/**
 * The implementations of one device model among which a choice is made, such as those of all hosts. Adding and removing
 * one costs what it says of itself; implementations that say the same are kept once, whatever their number.
 */
export class Pool {
  /** The device model string. */
  readonly model: string;
  /** What they say; for those who choose. */
  readonly variants = new Variants();
  readonly #variantOf = new Map<string, Variant>();

  constructor(model: string) {
    this.model = model;
  }

  /** How many implementations are in the pool. */
  get size(): number {
    return this.#variantOf.size;
  }

  /**
   * Takes in the implementation `id`, which says `model`. Throws `ERR_COMPAT_MODEL` where that is another device model,
   * `ERR_COMPAT_ARGUMENT` where the pool has this id.
   */
  add(id: string, model: Model): void {
    if (model.name !== this.model)
      throw new CompatError('ERR_COMPAT_MODEL', id, `is of ${model.name}, expected ${this.model}`);
    if (this.#variantOf.has(id)) throw new CompatError('ERR_COMPAT_ARGUMENT', id, 'is in the pool already');
    this.#variantOf.set(id, this.variants.hold(model));
  }

  /** Takes the implementation `id` out. Returns whether it was there. */
  remove(id: string): boolean {
    const variant = this.#variantOf.get(id);
    if (variant === undefined) return false;
    this.variants.release(variant);
    return this.#variantOf.delete(id);
  }

  /** Whether the implementation `id` is in the pool. */
  has(id: string): boolean {
    return this.#variantOf.has(id);
  }

  /** Ids of all implementations, sorted by their bytes. */
  ids(): string[] {
    return [...this.#variantOf.keys()].sort(compareBytes);
  }

  /** What the implementation `id` is one of. Throws `ERR_COMPAT_ARGUMENT` where it is not in the pool. */
  variantOf(id: string): Variant {
    const variant = this.#variantOf.get(id);
    if (variant !== undefined) return variant;
    throw new CompatError(
      'ERR_COMPAT_ARGUMENT',
      id,
      `is not among the ${this.size} implementations of the pool`,
    );
  }
}
