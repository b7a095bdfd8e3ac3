import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

/** One bash that a reader would paste into, block after block; background processes live as long as it does. */
export class Shell implements AsyncDisposable {
  readonly #bash: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  #errors = '';
  #said = '';
  #heard = Promise.withResolvers<void>();

  constructor(folder: string, path: readonly string[]) {
    this.#bash = spawn('bash', ['--noprofile', '--norc', '-e'], {
      cwd: folder,
      env: { ...process.env, PATH: [...path, process.env.PATH].join(':') },
    });
    this.#bash.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors += chunk;
    });
    this.#bash.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said += chunk;
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
    });
    this.#ended = once(this.#bash, 'exit');
    this.#bash.stdin.write("trap 'kill $(jobs -p); wait' EXIT\n");
  }

  /** What went to standard error so far. */
  get errors(): string {
    return this.#errors;
  }

  /** Runs `commands` and returns what they printed on standard output. Throws when one of them failed. */
  async run(commands: string): Promise<string> {
    const mark = randomUUID();
    this.#said = '';
    this.#bash.stdin.write(`${commands}\necho ${mark}\n`);
    const gone = this.#ended.then(() => {
      throw new Error(`The shell ended in\n${commands}\nhaving said\n${this.#said}\n${this.errors}`);
    });
    while (!this.#said.includes(`${mark}\n`)) await Promise.race([this.#heard.promise, gone]);
    return this.#said.slice(0, this.#said.indexOf(mark));
  }

  /** Ends what runs in the background, then the shell. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#bash.exitCode === null) this.#bash.stdin.end('exit\n');
    await this.#ended;
  }
}
