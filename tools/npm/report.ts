/** Prints test events as they come and counts them. */
import { once } from 'node:events';
import { spec, type TestEvent } from 'node:test/reporters';

/** The outcome of steps and test files, printed on stdout. */
export class Report {
  readonly #printer = new spec();
  readonly #notes: string[] = [];
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  constructor() {
    this.#printer.pipe(process.stdout, { end: false });
  }

  /** A step that is no test file counts as one when it fails. */
  step(name: string, ok: boolean): void {
    if (ok) return;
    this.#failed += 1;
    this.note(`The step "${name}" failed; what it said stands above`);
  }

  /** Something to say at the end. */
  note(text: string): void {
    this.#notes.push(text);
  }

  /** One event of a test file; suites are not counted, their tests are. */
  event(event: TestEvent): void {
    this.#printer.write(event);
    if (event.type !== 'test:pass' && event.type !== 'test:fail') return;
    const { skip, todo, details, name, file } = event.data;
    if (details.type === 'suite') return;
    if (event.type === 'test:fail') this.#failed += 1;
    else if (skip || todo) {
      this.#skipped += 1;
      this.note(`Skipped: ${name} (${file}): ${skip || todo}`);
    } else this.#passed += 1;
  }

  /** Prints the failures again, the notes and the counts as the last line; whether the run as a whole holds. */
  async end(options: { readonly skippedFails: boolean }): Promise<boolean> {
    const ended = once(this.#printer, 'end');
    this.#printer.end();
    await ended;
    for (const note of this.#notes) console.log(note);
    console.log(`${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped`);
    return this.#failed === 0 && this.#passed > 0 && !(options.skippedFails && this.#skipped > 0);
  }
}
