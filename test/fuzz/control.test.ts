/** Nonsense on the control socket: whatever is sent, each line has one answer or ends its connection alone. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ControlServer,
  type ControlTarget,
  type DeviceReport,
  type MigrationDetails,
} from '../../src/control/index.ts';
import { type Draw, fuzz } from './target.ts';

const MAX_LINE = 65_536;
/** Fewer than may wait at one time. */
const MOST_LINES = 20;

const report: DeviceReport = {
  device: 'toy',
  stateVersion: 1,
  features: '0x0',
  protocolFeatures: [],
  negotiated: null,
  lifecycle: 'stop',
  owner: false,
  ringsRunning: 0,
  epoch: null,
  lastTransfer: null,
  migration: null,
};

const details: MigrationDetails = {
  model: 'a.com/toy',
  list: 'a.com/toy\n',
  digest: '0'.repeat(64),
  frozen: false,
  info: '{}',
};

const METHODS = [
  'status',
  'abort-transfer',
  'fence',
  'release',
  'resize',
  'migration-info',
  'set-parameter',
  'freeze',
  'thaw',
  'no such method',
  '__proto__',
  '',
];
const ATOMS = [
  '0',
  '1',
  '-1',
  '1e999',
  '1.5',
  '9007199254740993',
  'null',
  'true',
  '""',
  '"x"',
  '[]',
  '{}',
  'nul',
];

function value(draw: Draw, depth = 0): string {
  const kind = draw.below(depth > 3 ? 3 : 6);
  if (kind < 3) return draw.pick(ATOMS);
  if (kind === 3) return `[${Array.from({ length: draw.below(3) }, () => value(draw, depth + 1)).join(',')}]`;
  if (kind === 4) return JSON.stringify('é\u{10ffff}\ud800 '.repeat(draw.below(200)));
  return `{${Array.from({ length: draw.below(3) }, () => `"${draw.pick(['reason', 'epoch', 'name', 'value', 'digest', 'seconds', '__proto__', 'x'])}":${value(draw, depth + 1)}`).join(',')}}`;
}

/** A request with some of its members right. */
function request(draw: Draw): string {
  const members = [
    draw.once(8) ? '' : `"jsonrpc":${draw.once(8) ? value(draw) : '"2.0"'}`,
    draw.once(8) ? '' : `"id":${draw.once(3) ? value(draw) : draw.below(1000)}`,
    draw.once(8) ? '' : `"method":${draw.once(8) ? value(draw) : JSON.stringify(draw.pick(METHODS))}`,
    draw.once(2) ? '' : `"params":${value(draw)}`,
  ];
  return `{${members.filter((member) => member !== '').join(',')}}`;
}

function line(draw: Draw): Buffer {
  const kind = draw.below(12);
  if (kind === 0) return Buffer.from(draw.take(draw.below(60)).map((byte) => (byte === 0x0a ? 0 : byte)));
  if (kind === 1) return Buffer.from(value(draw));
  if (kind === 2)
    return Buffer.alloc(draw.pick([MAX_LINE - 1, MAX_LINE, MAX_LINE + 1]), draw.pick(['[', '1', ' ']));
  const bytes = Buffer.from(request(draw));
  if (kind === 3 && bytes.length > 0) bytes[draw.below(bytes.length)] = 1 + draw.below(255);
  return Buffer.from(bytes.filter((byte) => byte !== 0x0a));
}

function joined(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((one, i) => (i === 0 ? [one] : [Buffer.from('\n'), one])));
}

/** What ends the connection instead of being answered. */
function ends(bytes: Buffer): boolean {
  if (bytes.length > MAX_LINE) return true;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return false;
  } catch {
    return true;
  }
}

/** Send `bytes` in pieces; the lines that came back before the other end hung up or answered `last`. */
async function converse(
  path: string,
  bytes: Buffer,
  draw: Draw,
): Promise<{ answers: string[]; last: boolean }> {
  const socket = connect(path);
  const ended = Promise.withResolvers<void>();
  // It may be closed while something is still being sent
  socket.on('error', () => undefined).on('close', () => ended.resolve());
  const answers: string[] = [];
  let last = false;
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    const lines = `${text}${chunk}`.split('\n');
    text = lines.pop() ?? '';
    last ||= lines.some((answer) => answer.includes('"last"'));
    answers.push(...lines.filter((answer) => !answer.includes('"last"')));
    if (last) socket.destroy();
  });
  for (let at = 0; at < bytes.length; ) {
    const length = draw.once(4) ? 1 + draw.below(40) : bytes.length;
    socket.write(bytes.subarray(at, at + length));
    at += length;
  }
  socket.write('\n{"jsonrpc":"2.0","id":"last","method":"status"}\n');
  await ended.promise;
  return { answers, last };
}

fuzz('control', async (loop) => {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-fuzz-'));
  const path = join(folder, 'control.sock');
  let called = 0;
  const target: ControlTarget = {
    status: async () => report,
    abortTransfer: async (reason) => {
      assert.ok(typeof reason === 'string' && reason.length <= 500);
      called++;
      return true;
    },
    fence: async (epoch) => {
      assert.ok(Number.isSafeInteger(epoch) && epoch >= 1);
      called++;
    },
    release: async () => true,
    resize: async () => 512,
    migrationInfo: async () => details,
    setParameter: async (name, value) => {
      assert.ok(typeof name === 'string' && typeof value === 'string');
      return details;
    },
    freeze: async (digest, seconds) => assert.ok(/^[0-9a-f]{64}$/.test(digest) && seconds > 0),
    thaw: async () => false,
  };
  try {
    await using _server = await ControlServer.listen(path, target, { program: 'fuzz', version: '0' });
    await loop(async (draw) => {
      const lines = Array.from({ length: 1 + draw.below(MOST_LINES) }, () => line(draw));
      const { answers, last } = await converse(path, joined(lines), draw);
      const ending = lines.findIndex(ends);
      assert.equal(last, ending < 0);
      assert.ok(answers.length <= lines.length);
      if (ending < 0) assert.equal(answers.length, lines.length);
      for (const answer of answers) {
        const { jsonrpc, result, error } = JSON.parse(answer);
        assert.equal(jsonrpc, '2.0');
        assert.notEqual(result === undefined, error === undefined);
      }
    });
    assert.ok(called > 0, 'no request came through');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
