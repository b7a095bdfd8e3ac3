/**
 * Stands between the two ends of a transfer and knows what passes: which connection is the main one, which is what channel, and
 * each part of what goes over them. What is done with that is its tap's to say.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { Link, type Tap } from './link.ts';

export class Relay implements AsyncDisposable {
  /** Where a source connects to. */
  readonly port: number;
  /** Every connection so far, those that are closed as well. */
  readonly links: Link[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Pass connections on to the port `to` of this machine. */
  static async start(to: number, tap: Tap): Promise<Relay> {
    // Paused: nothing is read from it before the way on is there
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const relay = new Relay(server);
    server.on('connection', (front) => {
      const back = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
      const link = new Link(front, back, tap);
      relay.links.push(link);
      // Nobody would end one that comes after the rest was broken off
      if (!server.listening) link.cut();
    });
    return relay;
  }

  /** The main connection. Throws where there was none. */
  get main(): Link {
    const main = this.links.find(({ role }) => role === 'main');
    if (main === undefined) throw new Error('No main connection came through the relay');
    return main;
  }

  /** The newest connection of channel `id`. Throws where there was none. */
  channel(id: number): Link {
    const found = this.links.findLast((link) => link.role === 'channel' && link.id === id);
    if (found === undefined) throw new Error(`No connection of channel ${id} came through the relay`);
    return found;
  }

  /** Break everything off that is still open. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const link of this.links) link.cut();
    await closed;
    await Promise.all(this.links.map((link) => link.closed));
  }
}
