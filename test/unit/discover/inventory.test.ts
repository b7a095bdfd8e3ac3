import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { type InventoryEntry, type InventoryOptions, readInventory } from '../../../src/discover/index.ts';
import { capture } from '../../../src/launch/index.ts';
import { NIC } from '../../support/compat/nic.ts';
import { assertRejects, Folder, NIC_TEXT } from './support.ts';

async function all(where: string, options?: InventoryOptions): Promise<InventoryEntry[]> {
  const entries: InventoryEntry[] = [];
  for await (const entry of readInventory(where, options)) entries.push(entry);
  return entries;
}

/** Each entry as its id and the code of what is wrong with it. */
async function told(where: string, options?: InventoryOptions): Promise<[id: string, code: string][]> {
  const entries = await all(where, options);
  return entries.map((entry) => [entry.id, 'error' in entry ? entry.error.code : 'ok']);
}

describe('an inventory', () => {
  it('is a folder of documents, in order of their names', async () => {
    using folder = new Folder();
    folder.file('b.json', NIC_TEXT);
    folder.file(
      'a.json',
      JSON.stringify({ id: 'host7', info: NIC, labels: ['ssd', 'x'], weight: 2.5, where: 'rack 4' }),
    );
    folder.file('bare.json', JSON.stringify({ ...NIC, info: 'not an entry' }));
    folder.file('c.ndjson', `${NIC_TEXT}\n\n{"info":${NIC_TEXT},"id":"host9"}`);
    folder.file('.hidden.json', '{');
    folder.file('README', 'no document');
    const [first, ...rest] = await all(folder.path);
    assert.ok(first !== undefined && 'discovered' in first);
    assert.deepEqual(
      [first.id, first.where, first.labels, first.weight],
      ['host7', 'rack 4', ['ssd', 'x'], 2.5],
    );
    assert.ok(first.discovered.info.models.has('a.com/nic'));
    assert.equal(first.discovered.where, join(folder.path, 'a.json'));
    assert.deepEqual(
      rest.map(({ id }) => id),
      ['b', 'bare', `${join(folder.path, 'c.ndjson')}:1`, 'host9'],
    );
  });

  it('goes on behind each that is bad, and names it', async () => {
    using folder = new Folder();
    mkdirSync(join(folder.path, 'folder.json'));
    execFileSync('mkfifo', [join(folder.path, 'fifo.json')]);
    folder.file('bytes.json', Buffer.of(0x7b, 0xff, 0x7d));
    folder.file('empty.json', '');
    folder.file('errors.json', '{"models": 5}');
    folder.file('good.json', NIC_TEXT);
    const lines = join(folder.path, 'lines.ndjson');
    execFileSync('mkfifo', [lines]);
    folder.file('a bad one.json', '{"id":"twice","info":5}');
    folder.file('huge.json', Buffer.alloc(8_388_609, 32));
    folder.file('labels.json', JSON.stringify({ info: NIC, labels: 'ssd' }));
    folder.file('members.json', `{"id":"a","id":"b","info":${NIC_TEXT}}`);
    folder.file('twice.json', NIC_TEXT);
    folder.file('weight.json', `{"weight":nul,"info":${NIC_TEXT}}`);
    assert.deepEqual(await told(folder.path), [
      ['twice', 'ERR_DISCOVER_DOCUMENT'],
      ['bytes', 'ERR_DISCOVER_TEXT'],
      ['empty', 'ERR_DISCOVER_DOCUMENT'],
      ['errors', 'ERR_DISCOVER_DOCUMENT'],
      ['fifo', 'ERR_DISCOVER_KIND'],
      ['folder', 'ERR_DISCOVER_KIND'],
      ['good', 'ok'],
      ['huge', 'ERR_DISCOVER_SIZE'],
      ['labels', 'ERR_DISCOVER_ENTRY'],
      [lines, 'ERR_DISCOVER_KIND'],
      ['members', 'ERR_DISCOVER_DOCUMENT'],
      ['twice', 'ok'],
      ['weight', 'ERR_DISCOVER_ENTRY'],
    ]);
  });

  it('is lines of a file or of stdin; what is wrong is told by its line', async () => {
    using folder = new Folder();
    const path = folder.file(
      'hosts',
      Buffer.concat([
        Buffer.from(`{"id":"a","info":${NIC_TEXT}}\n`),
        Buffer.from('{"id":"b","info":{"models":{}\n'),
        Buffer.of(0xff, 0x0a),
        Buffer.alloc(8_388_609, 0x20),
        Buffer.from(`\n{"id":"a","info":${NIC_TEXT}}\n{"id":"","info":${NIC_TEXT}}\n`),
        Buffer.from(`{"id":"last","info":${NIC_TEXT}}`),
      ]),
    );
    const expected = [
      ['a', 'ok'],
      ['b', 'ERR_DISCOVER_DOCUMENT'],
      [`${path}:3`, 'ERR_DISCOVER_TEXT'],
      [`${path}:4`, 'ERR_DISCOVER_SIZE'],
      ['a', 'ERR_DISCOVER_ENTRY'],
      [`${path}:6`, 'ERR_DISCOVER_ENTRY'],
      ['last', 'ok'],
    ];
    assert.deepEqual(await told(path), expected);
    const again = (await all(path)).find((entry) => entry.id === 'a' && 'error' in entry);
    assert.ok(again !== undefined && 'error' in again);
    assert.match(again.error.message, /hosts:5 .*"a" is the id of .*hosts:1 already/);
    const input = Readable.from([Buffer.from(`{"id":"a","in`), Buffer.from(`fo":${NIC_TEXT}}\n`)]);
    assert.deepEqual(await told('-', { input }), [['a', 'ok']]);
  });

  it('sees numbers and names as they are written', async () => {
    using folder = new Folder();
    const info = NIC_TEXT.replace('"init_value":4', '"init_value":18446744073709551615');
    const path = folder.file(
      'one',
      `{"id":"a","info":${info}}\n{"id":"b","info":${NIC_TEXT.replace('"q":', '"q":{},"q":')}}`,
    );
    const entries = await all(path);
    const said = entries.map((entry) => ('error' in entry ? entry.error.message : 'ok'));
    assert.match(said[0] ?? '', /a JSON number up to 2\^53 - 1/);
    assert.match(said[1] ?? '', /"q"/);
  });

  it('is an error where it cannot be read at all', async () => {
    using folder = new Folder();
    const fifo = join(folder.path, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await assertRejects(all(fifo), 'ERR_DISCOVER_KIND', /fifo is a FIFO/);
    await assertRejects(all(join(folder.path, 'none')), 'ERR_DISCOVER_MISSING', /There is no/);
    assert.deepEqual(await all(folder.path), []);
    const controller = new AbortController();
    controller.abort(new Error('Enough'));
    folder.file('a.json', NIC_TEXT);
    await assert.rejects(all(folder.path, { signal: controller.signal }), /Enough/);
    const later = new AbortController();
    const work = all('-', { signal: later.signal, input: new PassThrough() });
    later.abort(new Error('Later'));
    await assert.rejects(work, /Later/);
  });

  it('takes thousands of documents without holding them', async () => {
    using folder = new Folder();
    const path = join(folder.path, 'many.ndjson');
    const params = Object.fromEntries(
      Array.from({ length: 5 }, (_, i) => [
        `p${i}`,
        { type: 'int', init_value: i, allowed_values: ['0-255'] },
      ]),
    );
    const lines = function* () {
      for (let i = 0; i < 4000; i++) {
        const own = { type: 'int', init_value: i };
        yield `${JSON.stringify({ id: `host${i}`, info: { models: { 'a.com/nic': { params: { ...params, own } } } } })}\n`;
      }
    };
    await pipeline(Readable.from(lines()), createWriteStream(path));
    const door = new URL('../../../src/discover/index.ts', import.meta.url).href;
    const count = `import { readInventory } from ${JSON.stringify(door)};
      let count = 0;
      for await (const entry of readInventory(${JSON.stringify(path)})) if ('discovered' in entry) count++;
      console.log(count);`;
    // What the documents are made into takes more than twice as much
    const heap = '--max-old-space-size=24';
    const run = await capture(
      [process.execPath, ...process.execArgv.filter(isCondition), heap, '--input-type=module', '-e', count],
      { deadline: 60_000 },
    );
    assert.deepEqual([run.stdout, run.code], ['4000\n', 0], run.stderr);
  });
});

function isCondition(argument: string): boolean {
  return argument.startsWith('--conditions');
}
