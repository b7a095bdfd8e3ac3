import assert from 'node:assert/strict';
import { FuseClient, FuseError, ROOT_NODE, requests } from '../../src/fuse/index.ts';
import type { FuseSession } from '../../src/machine/index.ts';

const O_RDWR = 2;
const WRITE_LOCK = 1;
const PAGE = 4096;
/** A file's length: little, so that every byte of the state can have its turn. */
const LENGTH = 200;
const MIB = 1 << 20;

/**
 * What a guest holds on a file system of which the state is to stay small: open files, one of them deleted, one large if
 * `bulk` bytes are wanted, a half-read directory, an attribute and a lock. It knows what each has to be.
 */
export class FewFiles {
  readonly #client: FuseClient;
  readonly #files: { readonly node: number; readonly handle: number }[] = [];
  readonly #directory: { readonly node: number; readonly handle: number; readonly next: number | bigint };
  #round = 0;

  /** Begins on a session that has been started. */
  constructor(session: FuseSession, bulk = 0) {
    const client = new FuseClient(session.transport);
    this.#client = client;
    client.init();
    const node = client.mkdir(ROOT_NODE, 'directory', 0o755).node;
    for (const name of ['one', 'two', 'three']) {
      const { entry, handle } = client.create(node, name, O_RDWR, 0o600);
      this.#files.push({ node: entry.node, handle });
    }
    client.call(requests.unlink(node, 'two'));
    client.call(requests.setxattr(this.#first.node, 'user.note', Buffer.from('kept')));
    client.call(
      requests.setlk(this.#first.node, { handle: this.#first.handle, owner: 1n, type: WRITE_LOCK }),
    );
    const handle = client.opendir(node);
    const [dot] = client.readdir(node, handle, 0, PAGE);
    this.#directory = { node, handle, next: dot!.cookie };
    for (let at = 0; at < bulk; at += MIB) this.#write(this.#first, MIB + at, MIB);
    this.#rewrite();
  }

  /** Look at everything, change what can be changed, and look again: each difference and each error is thrown. */
  goOn(): void {
    this.#look();
    this.#rewrite();
    this.#look();
  }

  get #first(): { readonly node: number; readonly handle: number } {
    return this.#files[0]!;
  }

  #rewrite(): void {
    this.#round++;
    for (const file of this.#files) this.#write(file, 0, LENGTH);
  }

  #write({ node, handle }: { node: number; handle: number }, at: number, length: number): void {
    const bytes = this.#bytes(node, at, length);
    assert.equal(this.#client.write(node, handle, at, bytes), length);
  }

  #bytes(node: number, at: number, length: number): Buffer {
    return Buffer.alloc(length, `${node} ${at} ${this.#round} `);
  }

  #look(): void {
    const client = this.#client;
    for (const { node, handle } of this.#files)
      assert.deepEqual(Buffer.from(client.read(node, handle, 0, LENGTH)), this.#bytes(node, 0, LENGTH));
    const { node, handle } = this.#first;
    assert.equal(Buffer.from(client.getxattr(node, 'user.note')).toString(), 'kept');
    assert.throws(
      () => client.call(requests.setlk(node, { handle, owner: 2n, type: WRITE_LOCK })),
      (error) => error instanceof FuseError && error.errno === 11,
    );
    const { next, ...directory } = this.#directory;
    const rest = client.readdir(directory.node, directory.handle, next, PAGE);
    assert.deepEqual(
      rest.map(({ name }) => Buffer.from(name).toString()),
      ['..', 'one', 'three'],
    );
  }
}
