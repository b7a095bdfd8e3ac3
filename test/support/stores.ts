/** Sees every store to an area of memory, in program order, that code makes through typed arrays which it creates. */

const NAMES = ['Uint8Array', 'Uint16Array', 'Int32Array', 'Uint32Array'] as const;

type Array = Uint8Array | Uint16Array | Int32Array | Uint32Array;

const real = { store: Atomics.store, load: Atomics.load, or: Atomics.or };
const targets = new WeakMap<object, Array>();

/**
 * Run `body`, and call `stored` after each single store to `buffer` by an array made during the call or by one of an
 * earlier call with the same `buffer`. Arrays over other memory are what they always are.
 */
export class StoreWatch {
  readonly #buffer: ArrayBufferLike;
  #stored: (() => void) | undefined;

  constructor(buffer: ArrayBufferLike) {
    this.#buffer = buffer;
  }

  during<T>(stored: () => void, body: () => T): T {
    const global = globalThis as unknown as Record<string, unknown>;
    const constructors = NAMES.map((name) => global[name]);
    for (const [i, name] of NAMES.entries()) global[name] = this.#making(constructors[i] as () => Array);
    const unwrap = (array: object): Int32Array => (targets.get(array) ?? array) as Int32Array;
    const before = this.#stored;
    this.#stored = stored;
    Object.assign(Atomics, {
      load: (array: object, at: number) => real.load(unwrap(array), at),
      store: (array: object, at: number, value: number) => {
        real.store(unwrap(array), at, value);
        if (targets.has(array)) this.#tell();
        return value;
      },
    });
    try {
      return body();
    } finally {
      Object.assign(Atomics, real);
      for (const [i, name] of NAMES.entries()) global[name] = constructors[i];
      this.#stored = before;
    }
  }

  /** An array whose stores are seen. */
  bytes(at: number, length: number): Uint8Array {
    return this.#watched(new Uint8Array(this.#buffer, at, length)) as Uint8Array;
  }

  #tell(): void {
    const stored = this.#stored;
    // What looks at the memory now makes stores of its own, which are not the watched code's
    this.#stored = undefined;
    stored?.();
    this.#stored = stored;
  }

  #making(type: () => Array): unknown {
    return new Proxy(type, {
      construct: (target, args) => {
        const array = Reflect.construct(target, args) as Array;
        return array.buffer === this.#buffer ? this.#watched(array) : array;
      },
    });
  }

  #watched(array: Array): Array {
    const proxy = new Proxy(array, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
      set: (target, key, value) => {
        Reflect.set(target, key, value, target);
        this.#tell();
        return true;
      },
    });
    targets.set(proxy, array);
    return proxy;
  }
}
