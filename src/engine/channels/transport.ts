import {
  discardReceived,
  Errno,
  errnoName,
  type Mapping,
  mapAnonymous,
  shutdownSocket,
  syncFile,
  TLS_RECORD_BYTES,
  TlsSession,
  type Vectors,
} from '../../sys/index.ts';

/** What carries the bytes of a channel. Plain data: it travels to the channel's thread. */
export interface TransportStart {
  readonly kind: 'socket' | 'file' | 'tls';
  /** Number of a blocking descriptor. */
  readonly fd: number;
  /** Address of the TLS session. */
  readonly session?: number | undefined;
}

/** The blocking calls that move the bytes of one channel. */
export interface Transport extends Disposable {
  /** Write from the front of `vectors` and take off what went. How many bytes, or a negative errno. */
  write(vectors: Vectors): number;
  /** Read to the front of `vectors`. How many bytes, 0 at the orderly end of the stream, or a negative errno. */
  read(vectors: Vectors): number;
  /** Say that nothing more will be written. 0, or a negative errno. */
  end(): number;
  /** What a negative errno means here. */
  describe(errno: number): string;
}

/** The transport that `start` describes, on the thread that uses it. */
export function openTransport(start: TransportStart): Transport {
  const { kind, fd, session = 0 } = start;
  if (kind === 'tls') return new TlsTransport(fd, session);
  const plain = { describe: errnoName, [Symbol.dispose]: () => undefined };
  if (kind === 'file')
    return {
      ...plain,
      write: (vectors) => vectors.write(fd),
      read: (vectors) => vectors.read(fd),
      end: () => syncFile(fd, false),
    };
  return {
    ...plain,
    write: (vectors) => vectors.send(fd),
    read: (vectors) => vectors.receive(fd),
    end: () => endOfSocket(fd),
  };
}

function endOfSocket(fd: number): number {
  shutdownSocket({ number: fd, name: 'channel' }, 'write');
  return 0;
}

/** Encrypts straight from mapped memory, and decrypts straight to it. */
class TlsTransport implements Transport {
  readonly #fd: number;
  readonly #session: TlsSession;
  /** Where small pieces are put together: a record for each of them would be dear. */
  readonly #record: Mapping = mapAnonymous(TLS_RECORD_BYTES, 'one TLS record');

  constructor(fd: number, session: number) {
    this.#fd = fd;
    this.#session = TlsSession.borrow(session);
  }

  write(vectors: Vectors): number {
    const inOnePiece = vectors.length >= TLS_RECORD_BYTES || vectors.length === vectors.left;
    const from = inOnePiece ? vectors.address : this.#record.address;
    const length = inOnePiece ? vectors.length : vectors.gather(from, TLS_RECORD_BYTES);
    const count = this.#session.write(from, length);
    if (count > 0) vectors.take(count);
    return count;
  }

  read(vectors: Vectors): number {
    const count = this.#session.read(vectors.address, vectors.length);
    if (count > 0) vectors.take(count);
    return count;
  }

  end(): number {
    this.#session.bye();
    const result = endOfSocket(this.#fd);
    // What the session left unread, such as tickets to resume it, would have the kernel take back what was sent
    discardReceived({ number: this.#fd, name: 'channel' });
    return result;
  }

  describe(errno: number): string {
    return errno === Errno.EPROTO ? this.#session.failure : errnoName(errno);
  }

  [Symbol.dispose](): void {
    this.#record[Symbol.dispose]();
    this.#session[Symbol.dispose]();
  }
}
