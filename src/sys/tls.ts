import { isIP } from 'node:net';
import { FerryError } from '../errors.ts';
import { Errno } from './errno.ts';
import type { Fd } from './fd.ts';
import { WOULD_BLOCK } from './io.ts';
import { track, untrack } from './leaks.ts';
import * as libc from './libc.ts';
import { openssl } from './libssl.ts';
import { BOUNCE_LENGTH, scratch } from './scratch.ts';

const TLS1_3_VERSION = 0x0304;
const SSL_FILETYPE_PEM = 1;
const SSL_VERIFY_PEER = 1;
const SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 2;
const SSL_CTRL_MODE = 33;
const SSL_CTRL_SET_READ_AHEAD = 41;
const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
/** Return after each record that was written; the memory may move between two tries. */
const SSL_MODE_PARTIAL_WRITE_AND_MOVING_BUFFER = 1 | 2;
const SSL_ERROR_SSL = 1;
const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_WANT_WRITE = 3;
const SSL_ERROR_SYSCALL = 5;
const SSL_ERROR_ZERO_RETURN = 6;
/** Bytes that are asked from the kernel at a time. */
const READ_AHEAD = 256 * 1024;

/** Bytes that one record of TLS can carry. */
export const TLS_RECORD_BYTES = 16 * 1024;

/** PEM files: who is trusted to sign the peer's certificate, one's own certificate (chain), and its key. */
export interface TlsFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** What all sessions of one end have in common: TLS 1.3, certificates on both sides, no resumption. */
export class TlsContext implements Disposable {
  #address: number;

  /** Read `files`. Throws `ERR_TLS`, naming the file that is wrong. */
  constructor(files: TlsFiles) {
    const ssl = openssl();
    this.#address = ssl.ctxNew(ssl.tlsMethod());
    track(this, 'TLS context');
    try {
      const must = (result: number, what: string) => {
        if (result !== 1) throw new FerryError('ERR_TLS', `${what}: ${reason()}`);
      };
      ssl.clearErrors();
      must(ssl.ctxCtrl(this.#address, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_3_VERSION, 0), 'TLS 1.3');
      must(
        ssl.ctxLoadVerifyLocations(this.#address, files.ca, 0),
        `The certificate authority in ${files.ca}`,
      );
      must(
        ssl.ctxUseCertificateChainFile(this.#address, files.certificate),
        `The certificate in ${files.certificate}`,
      );
      must(ssl.ctxUsePrivateKeyFile(this.#address, files.key, SSL_FILETYPE_PEM), `The key in ${files.key}`);
      must(
        ssl.ctxCheckPrivateKey(this.#address),
        `The key in ${files.key} for the certificate in ${files.certificate}`,
      );
      ssl.ctxSetVerify(this.#address, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, 0);
      ssl.ctxSetNumTickets(this.#address, 0);
      ssl.ctxCtrl(this.#address, SSL_CTRL_MODE, SSL_MODE_PARTIAL_WRITE_AND_MOVING_BUFFER, 0);
      ssl.ctxCtrl(this.#address, SSL_CTRL_SET_READ_AHEAD, 1, 0);
      ssl.ctxSetDefaultReadBufferLen(this.#address, READ_AHEAD);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  get address(): number {
    if (this.#address === 0) throw new FerryError('ERR_TLS', 'The TLS context has been given back');
    return this.#address;
  }

  /** Sessions that were made from it go on. */
  [Symbol.dispose](): void {
    if (this.#address === 0) return;
    openssl().ctxFree(this.#address);
    this.#address = 0;
    untrack(this);
  }
}

/**
 * One TLS session over a connected socket, which must outlive it. A call waits as the socket does: not at all where it is
 * non-blocking. Results are byte counts, 0 at the peer's bye, or a negative errno: EAGAIN where it would wait, EPROTO where
 * the session has failed, which `failure` tells of.
 */
export class TlsSession implements Disposable {
  /** Why the session has failed. */
  failure = '';
  readonly #owned: boolean;
  #address: number;

  private constructor(address: number, owned: boolean) {
    this.#address = address;
    this.#owned = owned;
    if (owned) track(this, 'TLS session');
  }

  /**
   * The end that connected: the peer's certificate must be for `host`, a name or a numeric address. Throws `ERR_TLS` for a
   * host that no certificate can be for.
   */
  static connect(context: TlsContext, socket: Fd, host: string): TlsSession {
    const ssl = openssl();
    const session = new TlsSession(ssl.sslNew(context.address), true);
    ssl.setFd(session.address, socket.number);
    ssl.setConnectState(session.address);
    if (session.#expect(host)) return session;
    session[Symbol.dispose]();
    throw new FerryError(
      'ERR_TLS',
      `${JSON.stringify(host)} is no name or address that a certificate can be for`,
    );
  }

  /** The end that was connected to. */
  static accept(context: TlsContext, socket: Fd): TlsSession {
    const ssl = openssl();
    const session = new TlsSession(ssl.sslNew(context.address), true);
    ssl.setFd(session.address, socket.number);
    ssl.setAcceptState(session.address);
    return session;
  }

  /** The session of another thread, which does not use it meanwhile and keeps owning it. */
  static borrow(address: number): TlsSession {
    return new TlsSession(address, false);
  }

  get address(): number {
    if (this.#address === 0) throw new FerryError('ERR_TLS', 'The TLS session has been given back');
    return this.#address;
  }

  /** Agree on keys and look at each other's certificates. 1 when that is done. */
  handshake(): number {
    return this.#result(this.#clear().doHandshake(this.address));
  }

  /** Receive at most `length` bytes to mapped memory at `into`. */
  read(into: number, length: number): number {
    return this.#result(this.#clear().read(this.address, into, length));
  }

  /** Send at most `length` bytes of mapped memory at `from`. */
  write(from: number, length: number): number {
    return this.#result(this.#clear().write(this.address, from, length));
  }

  /** Say bye: nothing more will be sent. */
  bye(): void {
    this.#clear().shutdown(this.address);
  }

  /** Receive what is there; the socket is non-blocking. As `receiveNow`, and with `peek` the bytes stay. */
  receiveNow(into: Uint8Array, { peek = false }: { peek?: boolean } = {}): number {
    const length = Math.min(into.length, BOUNCE_LENGTH);
    const ssl = this.#clear();
    const call = peek ? ssl.peek : ssl.read;
    const count = this.#now(this.#result(call(this.address, scratch.bounceAddress, length)));
    if (count > 0) into.set(scratch.bounce.subarray(0, count));
    return count;
  }

  /** Send as much of `bytes` as goes without waiting; the socket is non-blocking. As `sendNow`. */
  sendNow(bytes: Uint8Array): number {
    const length = Math.min(bytes.length, BOUNCE_LENGTH);
    scratch.bounce.set(bytes.subarray(0, length));
    return this.#now(this.write(scratch.bounceAddress, length));
  }

  [Symbol.dispose](): void {
    if (this.#address === 0) return;
    if (this.#owned) {
      openssl().sslFree(this.#address);
      untrack(this);
    }
    this.#address = 0;
  }

  /** Whether the peer's certificate is going to be compared with `host`; without a name it would be with nothing. */
  #expect(host: string): boolean {
    const ssl = openssl();
    if (host === '') return false;
    if (isIP(host) !== 0) return ssl.paramSet1IpAsc(ssl.get0Param(this.address), host) === 1;
    ssl.sslCtrl(this.address, SSL_CTRL_SET_TLSEXT_HOSTNAME, 0, host);
    return ssl.set1Host(this.address, host) === 1;
  }

  /** What an error says is what the last call left behind, not one before. */
  #clear() {
    const ssl = openssl();
    ssl.clearErrors();
    return ssl;
  }

  #now(result: number): number {
    if (result >= 0) return result;
    if (result === -Errno.EAGAIN || result === -Errno.EINTR) return WOULD_BLOCK;
    throw new FerryError('ERR_TLS', this.failure);
  }

  #result(result: number): number {
    if (result > 0) return result;
    const errno = libc.errno();
    const ssl = openssl();
    switch (ssl.getError(this.address, result)) {
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return errno === Errno.EINTR ? -errno : -Errno.EAGAIN;
      case SSL_ERROR_SYSCALL:
        return this.#fail(
          errno === 0 ? 'the stream ended without the bye of TLS' : `the socket failed with errno ${errno}`,
        );
      case SSL_ERROR_SSL:
        return this.#fail(this.#why());
      default:
        return this.#fail(reason());
    }
  }

  #why(): string {
    const verified = openssl().getVerifyResult(this.address);
    const text = reason();
    if (text.startsWith('unexpected eof')) return 'the stream ended without the bye of TLS';
    return verified === 0 ? text : `${text}: ${openssl().verifyText(verified)}`;
  }

  #fail(why: string): number {
    this.failure = why;
    return -Errno.EPROTO;
  }
}

/** What OpenSSL says of the call that has just failed on this thread. */
function reason(): string {
  const ssl = openssl();
  return ssl.reasonText(ssl.takeError()) ?? 'no reason is known';
}
