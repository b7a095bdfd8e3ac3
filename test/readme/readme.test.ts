import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import {
  chooseKernel,
  choosePeer,
  GuestAgent,
  guestAppend,
  type Peer,
  waitForSocket,
} from '../../src/launch/index.ts';
import { testPeers } from '../guest/index.ts';
import { Shell } from './shell.ts';

/** Fenced blocks of README.md in order. `sh` is run as it stands, `text` is what the block before it prints. */
const blocks = [...readFileSync('README.md', 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms)].map((found) => ({
  language: found[1] ?? '',
  content: found[2] ?? '',
}));

/** A program for PATH that starts `peer`, wherever it lies. */
function wrapper(folder: string, peer: Peer): void {
  const file = join(folder, peer.name);
  const settings = Object.entries(peer.env).map(([name, value]) => `export ${name}='${value}'\n`);
  const command = peer.command.map((word) => `'${word}'`).join(' ');
  writeFileSync(file, `#!/bin/sh\n${settings.join('')}exec ${command} "$@"\n`);
  chmodSync(file, 0o755);
}

/** Output with every figure replaced: what is compared is the words. */
function words(output: string): string {
  return output.replace(/\d+(\.\d+)?( ?([KMGT]iB|[mµ]?s|min|h)\b)?/g, '#');
}

/** Where the commands in `script` listen. */
function sockets(script: string): string[] {
  return [...script.matchAll(/--socket-path (\S+)|-qmp unix:([^,\s]+)/g)].map(
    (found) => found[1] ?? found[2] ?? '',
  );
}

test('the commands of README.md move a guest as they stand', async (t) => {
  const peers = await testPeers();
  const folder = mkdtempSync(join(tmpdir(), 'readme-'));
  t.after(() => rmSync(folder, { recursive: true }));
  wrapper(folder, choosePeer(peers, 'qemu-system-x86_64', { version: '10.0' }));
  const initramfs = peers.initramfs;
  const kernel = chooseKernel(peers).image;
  await using agent = new GuestAgent();
  await using shell = new Shell(folder, [folder, resolve('bin')]);
  t.after(() => {
    if (!t.passed) process.stderr.write(shell.errors);
  });

  /** The options that the reader's VM has already: here, a guest with an agent that can be asked. */
  const haveVm = (name: string) =>
    shell.run(`VM=(-nodefaults -display none -machine pc-q35-10.0 -m 512M
    -kernel '${kernel}' -initrd '${initramfs}' -append '${guestAppend}' -serial file:${name}.console
    -serial unix:${name}.agent,server=on,wait=off)`);

  const listening: string[] = [];
  let machines = 0;
  let printed = '';
  for (const { language, content } of blocks) {
    if (language === 'text') {
      t.diagnostic(printed);
      assert.equal(words(printed), words(content));
    }
    if (language !== 'sh') continue;
    // A reader waits for the line that says ready. The kernel knows these sockets by the relative names they were given
    for (const path of listening.splice(0)) await waitForSocket(path);
    const machine = content.includes('qemu-system') ? ['a', 'b'][machines++] : undefined;
    if (machine !== undefined) await haveVm(machine);
    printed = await shell.run(content);
    listening.push(...sockets(content));
    if (machine === undefined) continue;
    await agent.attach(join(folder, `${machine}.agent`));
    if (machine === 'b') continue;
    await agent.booted();
    await agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
    await agent.call('sh', ['echo written before the move > /mnt/note']);
  }
  assert.equal(machines, 2);
  assert.equal((await agent.call('get', ['/mnt/note'])).text, 'written before the move\n');
});

test('the TypeScript of README.md is that of the example it speaks of', () => {
  const examples = blocks.filter(({ language }) => language === 'ts');
  const device = readFileSync('examples/tally/device.ts', 'utf8');
  for (const { content } of examples) assert.ok(device.includes(content), content);
  assert.equal(examples.length, 1);
});

test('README.md names npm scripts that there are', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const found of readFileSync('README.md', 'utf8').matchAll(/`npm (?:run )?([\w:]+)/g)) {
    assert.ok(manifest.scripts[found[1] ?? ''], found[0]);
  }
});
