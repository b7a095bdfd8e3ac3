import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { formatList } from '../../../src/compat/index.ts';
import { discover, findDocument } from '../../../src/discover/index.ts';
import { NIC } from '../../support/compat/nic.ts';
import { assertRejects, Folder, NIC_TEXT } from './support.ts';

describe('discovering a document', () => {
  it('reads files, whatever they are called, and programs that are called .json as well', async () => {
    using folder = new Folder();
    const plain = folder.file('a document', NIC_TEXT);
    const json = folder.file('nic.json', `\ufeff${NIC_TEXT}\n`, 0o755);
    const link = join(folder.path, 'link');
    symlinkSync(plain, link);
    for (const path of [plain, json, link]) {
      const found = await discover(path);
      assert.deepEqual(found.from, { kind: 'file', path });
      assert.ok(found.info.models.has('a.com/nic'));
    }
  });

  it('reads stdin, which is bounded, has to end in time and can be given up', async () => {
    const halves = [Buffer.from(NIC_TEXT).subarray(0, 40), Buffer.from(NIC_TEXT).subarray(40)];
    const found = await discover('-', { input: Readable.from(halves) });
    assert.deepEqual([found.where, found.from], ['stdin', { kind: 'stdin' }]);
    const endless = Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(65_536, 32)));
    await assertRejects(
      discover('-', { input: endless }),
      'ERR_DISCOVER_SIZE',
      /stdin has more than 4194304/,
    );
    const silent = new PassThrough();
    silent.write('{');
    const late = discover('-', { input: silent, deadline: 50 });
    await assertRejects(late, 'ERR_DISCOVER_DEADLINE', /stdin did not end within 50 ms; 1 bytes came/);
    const controller = new AbortController();
    const work = discover('-', { input: new PassThrough(), signal: controller.signal });
    controller.abort(new Error('Enough'));
    await assert.rejects(work, /Enough/);
  });

  it('says what is there instead', async () => {
    using folder = new Folder();
    const fifo = join(folder.path, 'fifo');
    execFileSync('mkfifo', [fifo]);
    mkdirSync(join(folder.path, 'x.json'));
    await assertRejects(discover(fifo), 'ERR_DISCOVER_KIND', /fifo is a FIFO; give it to stdin/);
    await assertRejects(discover('/dev/null'), 'ERR_DISCOVER_KIND', /a device file/);
    await assertRejects(discover(join(folder.path, 'x.json')), 'ERR_DISCOVER_SYSFS', /neither a type/);
    await assertRejects(
      discover(join(folder.path, 'none')),
      'ERR_DISCOVER_MISSING',
      /There is no .*none; expected/,
    );
    await assertRejects(discover('no such program'), 'ERR_DISCOVER_MISSING', /There is no no such program/);
    await assertRejects(discover(`${fifo}/x`), 'ERR_DISCOVER_MISSING', /There is no/);
    await assertRejects(discover(''), 'ERR_DISCOVER_MISSING', /There is no/);
    await assertRejects(discover('a\0b'), 'ERR_DISCOVER_READ', /null bytes/);
    const large = folder.file('large', Buffer.alloc(4_194_305, 32));
    await assertRejects(discover(large), 'ERR_DISCOVER_SIZE', /large has more than 4194304 bytes/);
    await assertRejects(
      discover(folder.file('b', Buffer.of(0xc0, 0x80))),
      'ERR_DISCOVER_TEXT',
      /2 bytes that are not/,
    );
  });

  it('can be left at its text, whatever is in it', async () => {
    using folder = new Folder();
    const path = folder.file('bad.json', '{"models": 1}');
    const { text, where } = await findDocument(path);
    assert.deepEqual([text, where], ['{"models": 1}', path]);
    await assertRejects(discover(path), 'ERR_DISCOVER_DOCUMENT', /bad.json has errors: line 1/);
  });
});

describe('the control socket of a running device', () => {
  /** Answers each request with what `answer` makes of its method. */
  async function control(folder: Folder, answer: (method: string) => object) {
    const path = join(folder.path, 'fs.sock.ctl');
    const server = createServer((socket) => {
      socket.setEncoding('utf8').on('data', (line) => {
        const { id, method } = JSON.parse(String(line));
        socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer(method) })}\n`);
      });
    }).listen(path);
    await once(server, 'listening');
    return {
      path,
      [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
    };
  }

  it('says what the device takes and what is in effect', async () => {
    using folder = new Folder();
    const asked: string[] = [];
    await using server = await control(folder, (method) => {
      asked.push(method);
      const list = 'a.com/nic\nq=4\nrss=on\n';
      return { result: { info: NIC, model: 'a.com/nic', list, digest: 'd'.repeat(64), frozen: true } };
    });
    const { list, model, from, frozen, digest } = await discover(server.path);
    assert.equal(list && formatList(list), 'a.com/nic\nq=4\nrss=on\n');
    assert.deepEqual([model?.name, frozen, digest?.length], ['a.com/nic', true, 64]);
    assert.deepEqual(from, { kind: 'control', path: server.path });
    assert.deepEqual(asked, ['migration-info']);
  });

  it('is an error where the device has no document, says nonsense, or is gone', async () => {
    using folder = new Folder();
    const dead = join(folder.path, 'dead');
    {
      const refusal = { code: -32_000, message: 'no parameters', data: { code: 'ERR_PARAMETERS_NONE' } };
      await using server = await control(folder, () => ({ error: refusal }));
      await assertRejects(discover(server.path), 'ERR_PARAMETERS_NONE', /no parameters/);
    }
    {
      await using server = await control(folder, () => ({ result: { info: 5 } }));
      // Under its second name it stays when nobody listens any more
      linkSync(server.path, dead);
      await assertRejects(discover(server.path), 'ERR_CONTROL_MESSAGE', /info/);
    }
    {
      await using server = await control(folder, () => ({
        result: { info: NIC, model: 'a.com/nic', list: 'q=4', digest: 'd'.repeat(64), frozen: false },
      }));
      await assertRejects(discover(server.path), 'ERR_COMPAT_LIST', /newline/);
    }
    await assertRejects(discover(dead), 'ERR_CONTROL_CONNECT', /No control socket at .*dead/);
  });
});
