import { DeadlineError } from '../../errors.ts';
import { type LaunchedProcess, launchProcess } from '../../launch/index.ts';
import { type DestinationMessage, decodeMessage, type MessageType } from './machine-messages.ts';
import { self } from './self.ts';

type Message<T extends MessageType> = Extract<DestinationMessage, { type: T }>;

/** The destination's process, and what it has said. Disposing of it ends it. */
export class DestinationProcess implements AsyncDisposable {
  readonly #said: DestinationMessage[] = [];
  readonly #hearers = new Set<() => void>();
  #process: LaunchedProcess | undefined;
  #refused: unknown;

  private constructor() {
    // Made by `start`
  }

  /** Start `ferry demo-destination` with these options. What it writes beside messages goes to `log`. */
  static async start(words: readonly string[], log: (line: string) => void): Promise<DestinationProcess> {
    const there = new DestinationProcess();
    there.#process = await launchProcess({
      name: 'the destination',
      command: [...self(), 'demo-destination', ...words],
      onLine: (line) => (line.startsWith('{') ? there.#hear(line) : log(line)),
    });
    there.#process.exited.then(() => there.#wake()).catch(() => undefined);
    return there;
  }

  /**
   * The message of a type that `fits`, once it is there. Rejects with `ERR_LAUNCH_ENDED` where the process ends first, with
   * `ERR_DEMO_MESSAGE` where it says what is no message, and after `deadline` milliseconds.
   */
  async expect<T extends MessageType>(
    type: T,
    deadline: number,
    fits: (message: Message<T>) => boolean = () => true,
  ): Promise<Message<T>> {
    const isWanted = (message: DestinationMessage): message is Message<T> =>
      message.type === type && fits(message as Message<T>);
    const end = performance.now() + deadline;
    for (;;) {
      const found = this.#said.find(isWanted);
      if (found !== undefined) return found;
      if (this.#refused !== undefined) throw this.#refused;
      if (this.#process!.exit !== undefined) throw this.#process!.failure();
      const left = end - performance.now();
      if (left <= 0) throw new DeadlineError(`The destination's message ${type}`, deadline);
      await this.#heard(left);
    }
  }

  /** Wait for the process to end by itself. Throws after `deadline` milliseconds, and where it did not end well. */
  async ended(deadline: number): Promise<void> {
    const { code } = await this.#process!.ended(deadline);
    if (code !== 0) throw this.#process!.failure();
  }

  /** All digests that it has sent, by what they are of. */
  get digests(): ReadonlyMap<string, Uint8Array> {
    const parts = new Map<string, Buffer[]>();
    for (const message of this.#said) {
      if (message.type !== 'digests') continue;
      const before = parts.get(message.what) ?? [];
      parts.set(message.what, [...before, Buffer.from(message.digests, 'base64')]);
    }
    return new Map([...parts].map(([what, buffers]) => [what, Buffer.concat(buffers)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
  }

  #hear(line: string): void {
    try {
      this.#said.push(decodeMessage(line));
    } catch (error) {
      this.#refused ??= error;
    }
    this.#wake();
  }

  #wake(): void {
    for (const hearer of this.#hearers) hearer();
    this.#hearers.clear();
  }

  async #heard(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hearers.add(resolve);
    const timer = setTimeout(resolve, milliseconds);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#hearers.delete(resolve);
    }
  }
}
