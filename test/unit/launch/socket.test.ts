import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { connectSocket, isListening, launchProcess, waitForSocket } from '../../../src/launch/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'ferry-socket-'));
after(() => rmSync(folder, { recursive: true }));

describe('waiting for a socket', () => {
  it('resolves when somebody listens, without connecting', async () => {
    const path = join(folder, 'later');
    let connections = 0;
    const server = createServer(() => connections++);
    const waiting = waitForSocket(path);
    assert.equal(await isListening(path), false);
    server.listen(path);
    await waiting;
    assert.equal(connections, 0);
    const socket = await connectSocket(path);
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    assert.equal(connections, 1);
    assert.equal(await isListening(path), false);
  });

  it('connects to one that is not there yet', async () => {
    const path = join(folder, 'connect');
    const connecting = connectSocket(path);
    const server = createServer((socket) => socket.end('hello'));
    server.listen(path);
    const socket = await connecting;
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    assert.equal(Buffer.concat(chunks).toString(), 'hello');
    await new Promise((resolve) => server.close(resolve));
  });

  it('takes a path that only looks like a socket for none', async () => {
    const path = join(folder, 'file');
    writeFileSync(path, '');
    await assert.rejects(waitForSocket(path, { deadline: 20 }), { code: 'ERR_DEADLINE' });
    await assert.rejects(connectSocket(path, { deadline: 20 }), { code: 'ERR_DEADLINE' });
  });

  it('gives up when the program has ended, with its words', async () => {
    await using child = await launchProcess({
      command: ['/bin/sh', '-c', 'echo no such device; exit 1'],
      name: 'back end',
    });
    await assert.rejects(waitForSocket(join(folder, 'never'), { child }), {
      code: 'ERR_LAUNCH_ENDED',
      message: /back end ended early with exit code 1, having said:\nno such device/,
    });
  });

  it('gives up when told to', async () => {
    const controller = new AbortController();
    const waiting = waitForSocket(join(folder, 'never'), { signal: controller.signal });
    controller.abort();
    await assert.rejects(waiting, { name: 'AbortError' });
  });
});
