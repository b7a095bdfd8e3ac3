import koffi from 'koffi';
import { asError, FerryError } from '../errors.ts';

/**
 * The prototypes of OpenSSL that Ferry calls. Node carries OpenSSL in itself, and shows it to whoever asks the running program
 * for it; one that was built without has the system's. Contexts and sessions are addresses, which all threads may use, one at
 * a time.
 */
function declareAll() {
  const library = open();
  const number = <A extends unknown[]>(prototype: string) =>
    library.func(prototype) as unknown as (...args: A) => number;
  const text = <A extends unknown[]>(prototype: string) =>
    library.func(prototype) as unknown as (...args: A) => string | null;
  return {
    tlsMethod: number<[]>('uintptr_t TLS_method(void)'),
    ctxNew: number<[number]>('uintptr_t SSL_CTX_new(uintptr_t method)'),
    ctxFree: number<[number]>('void SSL_CTX_free(uintptr_t ctx)'),
    ctxCtrl: number<[number, number, number, number]>(
      'long SSL_CTX_ctrl(uintptr_t ctx, int cmd, long larg, uintptr_t parg)',
    ),
    ctxSetVerify: number<[number, number, number]>(
      'void SSL_CTX_set_verify(uintptr_t ctx, int mode, uintptr_t callback)',
    ),
    ctxLoadVerifyLocations: number<[number, string, number]>(
      'int SSL_CTX_load_verify_locations(uintptr_t ctx, const char *file, uintptr_t path)',
    ),
    ctxUseCertificateChainFile: number<[number, string]>(
      'int SSL_CTX_use_certificate_chain_file(uintptr_t ctx, const char *file)',
    ),
    ctxUsePrivateKeyFile: number<[number, string, number]>(
      'int SSL_CTX_use_PrivateKey_file(uintptr_t ctx, const char *file, int type)',
    ),
    ctxCheckPrivateKey: number<[number]>('int SSL_CTX_check_private_key(uintptr_t ctx)'),
    ctxSetNumTickets: number<[number, number]>('int SSL_CTX_set_num_tickets(uintptr_t ctx, size_t count)'),
    ctxSetDefaultReadBufferLen: number<[number, number]>(
      'void SSL_CTX_set_default_read_buffer_len(uintptr_t ctx, size_t length)',
    ),
    sslNew: number<[number]>('uintptr_t SSL_new(uintptr_t ctx)'),
    sslFree: number<[number]>('void SSL_free(uintptr_t ssl)'),
    sslCtrl: number<[number, number, number, string]>(
      'long SSL_ctrl(uintptr_t ssl, int cmd, long larg, const char *parg)',
    ),
    setFd: number<[number, number]>('int SSL_set_fd(uintptr_t ssl, int fd)'),
    setConnectState: number<[number]>('void SSL_set_connect_state(uintptr_t ssl)'),
    setAcceptState: number<[number]>('void SSL_set_accept_state(uintptr_t ssl)'),
    set1Host: number<[number, string]>('int SSL_set1_host(uintptr_t ssl, const char *name)'),
    get0Param: number<[number]>('uintptr_t SSL_get0_param(uintptr_t ssl)'),
    paramSet1IpAsc: number<[number, string]>(
      'int X509_VERIFY_PARAM_set1_ip_asc(uintptr_t param, const char *address)',
    ),
    doHandshake: number<[number]>('int SSL_do_handshake(uintptr_t ssl)'),
    read: number<[number, number, number]>('int SSL_read(uintptr_t ssl, uintptr_t into, int length)'),
    peek: number<[number, number, number]>('int SSL_peek(uintptr_t ssl, uintptr_t into, int length)'),
    write: number<[number, number, number]>('int SSL_write(uintptr_t ssl, uintptr_t from, int length)'),
    shutdown: number<[number]>('int SSL_shutdown(uintptr_t ssl)'),
    getError: number<[number, number]>('int SSL_get_error(uintptr_t ssl, int result)'),
    getVerifyResult: number<[number]>('long SSL_get_verify_result(uintptr_t ssl)'),
    verifyText: text<[number]>('const char *X509_verify_cert_error_string(long result)'),
    clearErrors: number<[]>('void ERR_clear_error(void)'),
    takeError: number<[]>('unsigned long ERR_get_error(void)'),
    reasonText: text<[number]>('const char *ERR_reason_error_string(unsigned long code)'),
  };
}

function open() {
  try {
    const own = koffi.load(null);
    own.func('uintptr_t TLS_method(void)');
    return own;
  } catch (notThere) {
    try {
      return koffi.load('libssl.so.3');
    } catch (cause) {
      throw new FerryError(
        'ERR_TLS_MISSING',
        `There is no OpenSSL: neither in this program (${asError(notThere).message}) nor as libssl.so.3`,
        { cause },
      );
    }
  }
}

let declared: ReturnType<typeof declareAll> | undefined;

/** OpenSSL; looked for when it is needed first. Throws `ERR_TLS_MISSING`. */
export function openssl(): ReturnType<typeof declareAll> {
  declared ??= declareAll();
  return declared;
}
