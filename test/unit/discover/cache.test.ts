import assert from 'node:assert/strict';
import {
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type DiscoverOptions, DocumentCache, discover } from '../../../src/discover/index.ts';
import { assertRejects, Folder, NIC_TEXT } from './support.ts';

/** A program that counts how often it ran and prints what is in a file, and a cache. */
class World extends Folder {
  readonly cache = new DocumentCache(join(this.path, 'cache'));
  readonly document = this.file('document', NIC_TEXT);
  readonly program = this.script('nic', `echo >> "$0.runs"; cat '${this.document}'`);

  get runs(): number {
    return readFileSync(`${this.program}.runs`, 'utf8').length;
  }

  /** What a question says of the cache. */
  async ask(args: string[] = [], options: DiscoverOptions = {}) {
    const { cached, changed } = await discover([this.program, ...args], { cache: this.cache, ...options });
    return { cached, changed };
  }

  /** The one entry's file. */
  get entry(): string {
    const [name, ...others] = readdirSync(this.cache.folder);
    assert.ok(name !== undefined && others.length === 0);
    return join(this.cache.folder, name);
  }
}

describe('a cache of documents', () => {
  it('runs a program once for each of its arguments', async () => {
    using world = new World();
    assert.deepEqual(await world.ask(), { cached: false, changed: undefined });
    assert.deepEqual(await world.ask(), { cached: true, changed: undefined });
    assert.deepEqual(await world.ask(['--blocks=512']), { cached: false, changed: undefined });
    assert.deepEqual(await world.ask(['--blocks=512']), { cached: true, changed: undefined });
    assert.equal(world.runs, 2);
    const other = new DocumentCache(world.cache.folder);
    assert.equal((await discover([world.program], { cache: other })).cached, true);
    assert.equal(statSync(world.cache.folder).mode & 0o777, 0o700);
  });

  it('runs it again where anything has changed that the document may depend on', async () => {
    using world = new World();
    const image = world.file('image', 'x');
    const args = ['--image', image];
    await world.ask(args);
    assert.equal((await world.ask(args)).cached, true);
    const changes: (() => DiscoverOptions | undefined)[] = [
      () => void writeFileSync(world.program, `${readFileSync(world.program, 'utf8')}\n`),
      () => void utimesSync(world.program, 1, 1),
      () => void writeFileSync(image, 'longer'),
      () => ({ inventory: 'two cards' }),
      () => ({ env: { PATH: process.env.PATH, BLOCKS: '512' } }),
    ];
    for (const change of changes) {
      const options = change() ?? {};
      assert.deepEqual(await world.ask(args, options), { cached: false, changed: false });
      assert.equal((await world.ask(args, options)).cached, true);
    }
  });

  it('can be passed by, and says then whether what it had is another document', async () => {
    using world = new World();
    await world.ask();
    assert.deepEqual(await world.ask([], { fresh: true }), { cached: false, changed: false });
    // Nothing that belongs to the key: a card was taken out
    writeFileSync(world.document, NIC_TEXT.replace('16', '12'));
    assert.equal((await world.ask()).cached, true);
    assert.deepEqual(await world.ask([], { fresh: true }), { cached: false, changed: true });
    assert.deepEqual(await world.ask(), { cached: true, changed: undefined });
    const { text } = await discover([world.program], { cache: world.cache });
    assert.ok(text.includes('"1-8",12'));
  });

  it('keeps no document of a program that gave none', async () => {
    using world = new World();
    const bad = world.script('bad', 'exit 1');
    for (let i = 0; i < 2; i++)
      await assertRejects(discover([bad], { cache: world.cache }), 'ERR_DISCOVER_REFUSED', /gave no reason/);
  });

  it('makes nothing of entries that are damaged, old, or no files, and writes them anew', async () => {
    using world = new World();
    await world.ask();
    const whole = readFileSync(world.entry, 'utf8');
    const spoil: (() => void)[] = [
      () => writeFileSync(world.entry, whole.slice(0, -5)),
      () => writeFileSync(world.entry, ''),
      () => writeFileSync(world.entry, whole.replace('"format":1', '"format":2')),
      () => writeFileSync(world.entry, Buffer.of(0xff)),
      () => utimesSync(world.entry, 1, 1),
    ];
    for (const damage of spoil) {
      damage();
      assert.deepEqual(await world.ask(), { cached: false, changed: undefined });
      assert.equal(readFileSync(world.entry, 'utf8'), whole);
    }
    const path = world.entry;
    const elsewhere = world.file('elsewhere', whole);
    unlinkSync(path);
    symlinkSync(elsewhere, path);
    assert.equal((await world.ask()).cached, false);
    assert.equal(readFileSync(elsewhere, 'utf8'), whole);
    assert.ok(statSync(path).isFile());
  });

  it('says where it cannot keep a document, which is as good as any', async () => {
    using world = new World();
    const told: string[] = [];
    const cache = new DocumentCache(join(world.document, 'cache'), (message) => told.push(message));
    const found = await discover([world.program], { cache });
    assert.deepEqual([found.cached, found.info.models.size], [false, 1]);
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /could not be kept in .*document\/cache: .*ENOTDIR/);
  });

  it('does not grow beyond its limits, and leaves nothing half written', async () => {
    using world = new World();
    await world.ask();
    const old = world.entry;
    for (let i = 0; i < 1030; i++) {
      const path = join(world.cache.folder, `${i}.json`);
      writeFileSync(path, '{}');
      utimesSync(path, 1e9 + i, Date.now() / 1000 - 100 + i / 100);
    }
    utimesSync(old, 1, 1);
    await world.ask();
    const names = readdirSync(world.cache.folder);
    assert.equal(names.length, 1024);
    assert.ok(!names.includes('0.json') && names.includes('1029.json'));
    assert.ok(names.every((name) => name.endsWith('.json')));
  });

  it('serves several at once', async () => {
    using world = new World();
    const all = await Promise.all(Array.from({ length: 8 }, () => world.ask()));
    assert.ok(all.every(({ cached }) => cached !== undefined));
    assert.equal((await world.ask()).cached, true);
    assert.ok(world.entry);
  });
});
