import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointText, parseEndpoint } from '../../../src/engine/channels/index.ts';

const good: readonly [uri: string, expected: object][] = [
  [
    'tcp:example.org:4444',
    { transport: 'tcp', host: 'example.org', port: 4444, tls: false, extended: false },
  ],
  ['tcp:127.0.0.1:0', { transport: 'tcp', host: '127.0.0.1', port: 0, tls: false, extended: false }],
  ['tcp:[::1]:65535', { transport: 'tcp', host: '::1', port: 65535, tls: false, extended: false }],
  ['tls:[2001:db8::7]:1', { transport: 'tcp', host: '2001:db8::7', port: 1, tls: true, extended: false }],
  ['ferry+tcp:h:1', { transport: 'tcp', host: 'h', port: 1, tls: false, extended: true }],
  ['ferry+tls:h:1', { transport: 'tcp', host: 'h', port: 1, tls: true, extended: true }],
  ['unix:/run/a:b.sock', { transport: 'unix', path: '/run/a:b.sock', tls: false, extended: false }],
  ['ferry+unix:rel', { transport: 'unix', path: 'rel', tls: false, extended: true }],
  ['file:/var/tmp/moved', { transport: 'file', path: '/var/tmp/moved', tls: false, extended: false }],
];

test('endpoints are read, and written as they were', () => {
  for (const [uri, expected] of good) {
    const { scheme, ...rest } = parseEndpoint(uri);
    assert.deepEqual(rest, expected);
    assert.equal(scheme, uri.slice(0, uri.indexOf(':')));
    assert.equal(endpointText(parseEndpoint(uri)), uri);
  }
});

const bad: readonly [uri: string, why: RegExp][] = [
  ['', /begins with none of tcp:/],
  ['127.0.0.1:4444', /begins with none/],
  ['constructor:h:1', /begins with none/],
  ['TCP:h:1', /begins with none/],
  ['ferry+file:/x', /begins with none/],
  ['exec:cat', /begins with none/],
  ['tcp:', /form HOST:PORT/],
  ['tcp:h', /form HOST:PORT/],
  ['tcp::1', /names no host/],
  ['tcp:::1:4444', /without brackets/],
  ['tcp:[::1]', /form HOST:PORT|without brackets/],
  ['tcp:[127.0.0.1]:1', /no IPv6 address/],
  ['tcp:[]:1', /no IPv6 address/],
  ['tcp:h:', /has the port \(none\)/],
  ['tcp:h:65536', /has the port 65536/],
  ['tcp:h:-1', /has the port -1/],
  ['tcp:h:1x', /has the port 1x/],
  ['tcp:a b:1', /no host’s name|no host's name/],
  ['tcp:u@h:1', /no host's name/],
  ['unix:', /names no path/],
  [`unix:/${'x'.repeat(107)}`, /108 bytes, a unix socket's has at most 107/],
  ['file:', /names no path/],
  ['file:/a\0b', /NUL/],
];

test('what is no endpoint is refused, saying why', () => {
  for (const [uri, why] of bad)
    assert.throws(() => parseEndpoint(uri), { code: 'ERR_ENDPOINT', message: why }, JSON.stringify(uri));
});
