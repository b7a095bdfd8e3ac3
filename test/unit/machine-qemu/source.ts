import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { MainStream, type StreamEvent } from '../../../src/qemu-stream/index.ts';
import type { Golden, GoldenCapture } from '../../support/engine/golden.ts';

/** What a source writes to its connections. */
export interface Script {
  readonly main: Uint8Array;
  /** By their ids, with the hello of each. */
  readonly channels: readonly Uint8Array[];
}

/** What a QEMU wrote. */
export function scriptOf(golden: Golden, capture: GoldenCapture): Script {
  const channels = Array.from({ length: capture.channels }, (_, id) => golden.stream(capture, id));
  return { main: golden.stream(capture, 'main'), channels };
}

/** The events of a main stream; those with views have copies. */
export function eventsOf(main: Uint8Array): StreamEvent[] {
  const stream = new MainStream();
  stream.feed(main);
  const events: StreamEvent[] = [];
  for (let event = stream.next(); event !== undefined; event = stream.next()) events.push(event);
  return events;
}

/** Plays `script` to whoever listens at `path`, and then closes its connections, or holds them open until disposed of. */
export class PlayedSource implements AsyncDisposable {
  readonly #sockets: Socket[] = [];
  /** What was said on the return path. */
  readonly said: Buffer[] = [];

  static async play(path: string, { main, channels }: Script, holds = false): Promise<PlayedSource> {
    const source = new PlayedSource();
    for (const bytes of [main, ...channels]) {
      const socket = connect({ path, allowHalfOpen: true });
      source.#sockets.push(socket);
      // The receiver may have refused what it read, and closed
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      if (bytes === main) socket.on('data', (chunk) => source.said.push(Buffer.from(chunk)));
      else socket.resume();
      if (holds) socket.write(bytes);
      else socket.end(bytes);
    }
    return source;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) {
      const gone = finished(socket).catch(() => undefined);
      socket.destroy();
      await gone;
    }
  }
}
