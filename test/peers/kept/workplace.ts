import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import type { GuestAgent, GuestStat, Handle } from '../../../src/launch/index.ts';

export const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND } = constants;

/** Looks whether all is as it was before the guest's latest move, and goes on working with it. Moves count from 1. */
export type Look = (move: number) => Promise<void>;

/** Has the guest make something that must survive its moves. */
export type Keep = (place: Workplace) => Promise<Look>;

/** A folder of the guest on the device under test, and handles that nobody else uses. */
export class Workplace {
  readonly agent: GuestAgent;
  readonly folder: string;
  #next = 100;

  constructor(agent: GuestAgent, folder: string) {
    this.agent = agent;
    this.folder = folder;
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** `count` handle numbers, the first of which is returned. */
  handles(count = 1): Handle {
    this.#next += count;
    return this.#next - count;
  }

  async open(name: string, flags = O_RDWR | O_CREAT, actor = 1): Promise<OpenFile> {
    const file = new OpenFile(this.agent, this.handles(), actor);
    await this.agent.call('open', [file.handle, this.path(name), flags, 0o644], { actor });
    return file;
  }

  async mkdir(name: string): Promise<void> {
    await this.agent.call('mkdir', [this.path(name)]);
  }

  lstat(name: string): Promise<GuestStat> {
    return this.agent.call('lstat', [this.path(name)]);
  }

  /** The whole text of a file, by its name. */
  async text(name: string): Promise<string> {
    const file = await this.open(name, O_RDONLY);
    const text = await file.textAt(0, 16_384);
    await file.close();
    return text;
  }

  /** What a script prints, which must not fail. */
  async sh(script: string, actor = 1): Promise<string> {
    const { status, output } = await this.agent.call('sh', [script], { actor });
    assert.equal(status, 0, output);
    return output;
  }

  /** From here on the guest has to ask the device. */
  async forgetCaches(): Promise<void> {
    await this.agent.call('put', ['/proc/sys/vm/drop_caches', '3']);
  }
}

/** A file that one of the guest's processes has open. */
export class OpenFile {
  readonly handle: Handle;
  readonly actor: number;
  readonly #agent: GuestAgent;

  constructor(agent: GuestAgent, handle: Handle, actor: number) {
    this.#agent = agent;
    this.handle = handle;
    this.actor = actor;
  }

  async read(length: number): Promise<string> {
    return (await this.#agent.call('read', [this.handle, length], this)).data.toString('latin1');
  }

  async write(text: string): Promise<void> {
    const { length } = await this.#agent.call('write', [this.handle, hex(text)], this);
    assert.equal(length, text.length);
  }

  async textAt(offset: number, length: number): Promise<string> {
    return (await this.#agent.call('pread', [this.handle, offset, length], this)).data.toString('latin1');
  }

  async writeAt(offset: number, text: string): Promise<void> {
    const { length } = await this.#agent.call('pwrite', [this.handle, offset, hex(text)], this);
    assert.equal(length, text.length);
  }

  async fill(length: number, seed: number): Promise<void> {
    await this.#agent.call('fill', [this.handle, 0, length, seed], this);
  }

  /** Every byte is as `fill` has left it. */
  async isFilled(length: number, seed: number): Promise<void> {
    const { verdict, offset } = await this.#agent.call('check', [this.handle, 0, length, seed], this);
    assert.equal(verdict, 'same', `at byte ${offset}`);
  }

  stat(): Promise<GuestStat> {
    return this.#agent.call('fstat', [this.handle], this);
  }

  async close(): Promise<void> {
    await this.#agent.call('close', [this.handle], this);
  }
}

export function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

/** What the guest's kernel has said about the device, or as an error. */
export async function complaints(place: Workplace): Promise<string[]> {
  const lines = (await place.sh('dmesg -r')).split('\n');
  return lines.filter((line) => {
    const level = Number(/^<(\d+)>/.exec(line)?.[1] ?? 7) & 7;
    return level <= 3 || /fuse|virtio.*(fail|error|broken)/i.test(line);
  });
}

/** Asks until it is so, for at most a minute. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await isSo())) assert.ok(performance.now() < end, `${what} did not happen within a minute`);
}
