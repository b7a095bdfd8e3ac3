/**
 * Certificates for tests, made when they are needed: an authority, and what it has signed. X.509 by hand, because neither Node
 * nor every machine has something that makes them.
 */
import { createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import type { TlsFiles } from '../../../src/sys/index.ts';

const DAY = 86_400_000;

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 128) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.from(content.length.toString(16).padStart(4, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x82]), length, content]);
}

const sequence = (...contents: readonly Uint8Array[]) => der(0x30, ...contents);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
const commonName = (name: string) =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))));

function time(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\..*/g, '');
  return der(0x18, Buffer.from(`${text}Z`));
}

function alternativeNames(hosts: readonly string[]): Buffer {
  const names = hosts.map((host) =>
    isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
  );
  return sequence(oid('551d11'), der(0x04, sequence(...names)));
}

/** Basic constraints, critical: this one may sign others. */
const isAuthority = sequence(
  oid('551d13'),
  der(0x01, Buffer.from([0xff])),
  der(0x04, sequence(der(0x01, Buffer.from([0xff])))),
);

function certificate(
  subject: string,
  issuer: string,
  keys: { readonly own: KeyObject; readonly signing: KeyObject },
  extension: Buffer,
): string {
  const now = Date.now();
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    commonName(issuer),
    sequence(time(now - DAY), time(now + DAY)),
    commonName(subject),
    keys.own.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  );
  const signature = createSign('sha256').update(body).sign(keys.signing);
  const whole = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  const lines = whole.toString('base64').replaceAll(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}

/** An authority whose files are in one folder. */
export class Authority {
  readonly #folder: string;
  readonly #name: string;
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #ca: string;

  /** Writes its own certificate into `folder`. */
  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    const keys = { own: this.#keys.publicKey, signing: this.#keys.privateKey };
    this.#ca = this.#write('ca', certificate(name, name, keys, isAuthority));
  }

  /** A key and a certificate for whoever is reached as one of `hosts`, and this authority as the one to trust. */
  issue(subject: string, hosts: readonly string[]): TlsFiles {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keys = { own: publicKey, signing: this.#keys.privateKey };
    return {
      ca: this.#ca,
      certificate: this.#write(
        `${subject}-cert`,
        certificate(subject, this.#name, keys, alternativeNames(hosts)),
      ),
      key: this.#write(`${subject}-key`, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    };
  }

  #write(what: string, text: string): string {
    const path = join(this.#folder, `${this.#name}-${what}.pem`);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }
}
