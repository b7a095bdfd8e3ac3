/** The host's side against an agent that loses, tears and repeats lines as a moving machine does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { GuestAgent } from '../../../src/launch/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'ferry-agent-'));
after(() => rmSync(folder, { recursive: true }));

/** A serial port that keeps the requests it got and says what the test wants. */
class Port implements AsyncDisposable {
  readonly path: string;
  readonly requests: string[] = [];
  onRequest: (words: string[], attempt: number) => void = () => undefined;
  #server: Server;
  #socket: Socket | undefined;
  #seen = new Map<string, number>();

  constructor(name: string) {
    this.path = join(folder, name);
    this.#server = createServer((socket) => {
      this.#socket = socket;
      socket.setEncoding('latin1');
      socket.on('data', (text: string) => {
        for (const line of text.split('\n').filter(Boolean)) {
          const words = line.split(' ').slice(0, -1);
          const attempt = (this.#seen.get(words[0]!) ?? 0) + 1;
          this.#seen.set(words[0]!, attempt);
          this.requests.push(line);
          this.onRequest(words, attempt);
        }
      });
    });
    this.#server.listen(this.path);
  }

  say(line: string): void {
    this.write(`${line} *${crc32(line).toString(16).padStart(8, '0')}\n`);
  }

  write(text: string): void {
    this.#socket?.write(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

describe('the host’s side of the agent', () => {
  it('asks again when nothing comes, and takes the answer once', async () => {
    await using port = new Port('again');
    await using agent = new GuestAgent();
    await agent.attach(port.path);
    port.onRequest = ([id], attempt) => {
      if (attempt < 2) return;
      port.say(`${id} ok offset=5`);
      port.say(`${id} ok offset=6`);
    };
    assert.deepEqual(await agent.call('lseek', [0, 5, 0]), { offset: 5 });
    assert.equal(port.requests.length, 2);
    assert.equal(port.requests[0], port.requests[1]);
  });

  it('puts up with an answer torn between two machines', async () => {
    await using source = new Port('source');
    await using destination = new Port('destination');
    await using agent = new GuestAgent();
    await agent.attach(source.path);
    await agent.attach(destination.path);
    source.onRequest = ([id], attempt) => {
      if (attempt > 1) return;
      source.write(`${id} ok off`);
      destination.write('set=5 *00000000\n');
    };
    destination.onRequest = ([id], attempt) => {
      if (attempt > 1) destination.say(`${id} ok offset=5`);
    };
    assert.deepEqual(await agent.call('lseek', [0, 5, 0]), { offset: 5 });
    assert.equal(agent.damagedLines, 1);
  });

  it('goes on with the machine that is left', async () => {
    await using agent = new GuestAgent();
    {
      await using gone = new Port('gone');
      await agent.attach(gone.path);
    }
    await using port = new Port('left');
    await agent.attach(port.path);
    port.onRequest = ([id]) => port.say(`${id} ok`);
    await agent.ping();
  });

  it('tells the guest’s errors by their names', async () => {
    await using port = new Port('errors');
    await using agent = new GuestAgent();
    await agent.attach(port.path);
    port.onRequest = ([id, , command]) => {
      port.say(command === 'stat' ? `${id} error 2 none` : `${id} wrong what%20is%20that`);
    };
    await assert.rejects(agent.call('stat', ['/a']), { code: 'ERR_GUEST', errno: 2, errnoName: 'ENOENT' });
    await assert.rejects(agent.call('rmdir', ['/a']), { code: 'ERR_GUEST_REQUEST', message: /what is that/ });
  });

  it('gives up in time, when told to, and when the guest has booted anew', async () => {
    await using port = new Port('silent');
    await using agent = new GuestAgent();
    await agent.attach(port.path);
    await assert.rejects(agent.call('stat', ['/a'], { deadline: 20 }), { code: 'ERR_DEADLINE' });
    const controller = new AbortController();
    const aborted = agent.call('stat', ['/a'], { signal: controller.signal });
    controller.abort();
    await assert.rejects(aborted, { name: 'AbortError' });
    port.onRequest = () => undefined;
    port.say('!hello protocol=1 boot=1 kernel=6.12');
    assert.deepEqual(await agent.booted(), { boot: '1', kernel: '6.12' });
    const lost = assert.rejects(agent.call('stat', ['/a']), { code: 'ERR_GUEST_REBOOTED' });
    port.say('!hello protocol=1 boot=1 kernel=6.12');
    port.say('!hello protocol=1 boot=2 kernel=6.12');
    await lost;
    assert.equal((await agent.booted({ boots: 2 })).boot, '2');
    await assert.rejects(agent.booted({ boots: 3, deadline: 20 }), { code: 'ERR_DEADLINE' });
  });

  it('refuses an agent of another protocol', async () => {
    await using port = new Port('protocol');
    await using agent = new GuestAgent();
    await agent.attach(port.path);
    const call = assert.rejects(agent.call('stat', ['/a']), { code: 'ERR_GUEST_PROTOCOL' });
    port.say('!hello protocol=2 boot=1 kernel=6.12');
    await call;
  });

  it('lets nothing wait when it is given up', async () => {
    await using port = new Port('given-up');
    const agent = new GuestAgent();
    await agent.attach(port.path);
    const call = assert.rejects(agent.call('stat', ['/a']), { code: 'ERR_GUEST_GONE' });
    await agent[Symbol.asyncDispose]();
    await call;
  });
});
