/** A folder of the host, a guest that has mounted it, and what lies beside the folder and is none of the guest's. */
import fs from 'node:fs';
import { join } from 'node:path';
import { createDirectoryFsDevice, type DirectoryFsDevice } from '../../src/devices/fs/index.ts';
import { FuseClient, type FuseEntry } from '../../src/fuse/index.ts';
import { GuestOf } from './fs-guest.ts';
import { Folder } from './fs-share-support.ts';

export const ROOT = 1;
export const SECRET = 'what the guest must not see';

export class World implements Disposable {
  readonly #outer = new Folder();
  /** The shared directory. */
  readonly folder = join(this.#outer.path, 'shared');
  /** A directory beside it, with a file `secret` in it. */
  readonly outside = join(this.#outer.path, 'outside');
  readonly guest: GuestOf<DirectoryFsDevice>;

  constructor(options: Record<string, unknown> = {}) {
    for (const path of [this.folder, this.outside]) fs.mkdirSync(path);
    fs.writeFileSync(join(this.outside, 'secret'), SECRET);
    fs.chmodSync(join(this.outside, 'secret'), 0o644);
    this.guest = new GuestOf(createDirectoryFsDevice({ directory: this.folder, ...options }));
    this.guest.client.init();
  }

  get client(): FuseClient {
    return this.guest.client;
  }

  /** The path on the host of something in the shared directory. */
  at(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** What a process of another user in the guest does. */
  as(uid: number, gid = uid): FuseClient {
    return new FuseClient((bytes, room) => this.guest.send(bytes, room) ?? new Uint8Array(), {
      uid,
      gid,
      pid: 7,
    });
  }

  /** LOOKUP of each name of a path; the last one is returned. */
  walk(path: string): FuseEntry {
    const [first, ...rest] = path.split('/');
    let entry = this.client.lookup(ROOT, first!);
    for (const name of rest) entry = this.client.lookup(entry.node, name);
    return entry;
  }

  /** Whether everything outside is as it was made. */
  get outsideIsUntouched(): boolean {
    const secret = join(this.outside, 'secret');
    return (
      fs.readdirSync(this.outside).length === 1 &&
      fs.readFileSync(secret, 'utf8') === SECRET &&
      (fs.statSync(secret).mode & 0o7777) === 0o644
    );
  }

  [Symbol.dispose](): void {
    this.guest[Symbol.dispose]();
    this.#outer[Symbol.dispose]();
  }
}
