/**
 * Migration compatibility between processes: a document is printed, a list taken from a running device, a second device
 * started from it, and the state moved; what the verdict forbids is refused by the program, and by the device on loading.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  check,
  commandLine,
  formatInfo,
  type MigrationInfo,
  parseInfo,
  readList,
} from '../../../src/compat/index.ts';
import { ControlClient } from '../../../src/control/index.ts';
import { FuseClient } from '../../../src/fuse/index.ts';
import { type Captured, capture } from '../../../src/launch/index.ts';
import { FuseSession } from '../../../src/machine/index.ts';
import { launchFerry } from '../../guest/index.ts';
import { saveState } from '../../support/device/guest.ts';
import { Served, testFolder } from '../../support/device/served.ts';

const FERRY_FS = fileURLToPath(new URL('../../../bin/ferry-fs', import.meta.url));
const FERRY_BLK = fileURLToPath(new URL('../../../bin/ferry-blk', import.meta.url));

function run(program: string, ...args: readonly string[]): Promise<Captured> {
  return capture([program, ...args], { deadline: 20_000 });
}

async function documentOf(program: string, ...args: readonly string[]): Promise<MigrationInfo> {
  const { code, stdout, stderr } = await run(program, ...args, '--print-migration-info-json');
  assert.deepEqual([code, stderr], [0, '']);
  return parseInfo(stdout);
}

/** A guest that has mounted what is served at `path`, and made a file there. */
function mounted(path: string): { session: FuseSession; client: FuseClient } {
  const session = new FuseSession();
  session.connect(path);
  const client = new FuseClient(session.transport);
  client.init();
  client.mkdir(1, 'kept', 0o755);
  return { session, client };
}

describe('the program', () => {
  test('prints what it offers, takes what the list of another device says, and checks that without starting', async () => {
    await using source = await launchFerry({ memory: '8M', further: ['--queues', '3', '--locks', 'device'] });
    const { list } = (await source.status()).migration!;
    const info = await documentOf(FERRY_FS);
    const verdict = check(readList(list), info);
    assert.equal(verdict.answer, 'yes');
    const argv = commandLine(info, verdict);
    assert.equal((await run(FERRY_FS, '--check', ...argv)).code, 0);
    await using destination = await launchFerry({ parameters: argv });
    assert.equal((await destination.status()).migration!.list, list);
  });

  test('narrows its document by the other arguments', async () => {
    const info = await documentOf(FERRY_FS, '--memory', '1G', '--queues', '4', '--no-packed');
    const { parameters } = info.models.get('ferry.internal/virtio/fs')!;
    const told = ['memory', 'request-queues', 'packed-ring'].map((name) => parameters.get(name)!.init);
    assert.deepEqual(told, [2n ** 30n, 4n, false]);
    const again = await documentOf(FERRY_FS, '--queues=4', '--no-packed', '--memory=1073741824');
    assert.equal(formatInfo(again), formatInfo(info));
  });

  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      FERRY_FS,
      ['--memory', '1G', '--m-memory=2147483648'],
      /--m-memory: found 2147483648, expected 1073741824/,
    ],
    [FERRY_FS, ['--m-tso', 'on'], /--m-tso: .* has no such parameter/],
    [FERRY_FS, ['--m-backing=directory', '--m-memory=0'], /break the rule/],
    [FERRY_FS, ['--memory=1M', '--migration-version', 'v9'], /--migration-version: found "v9"/],
    [FERRY_BLK, ['--m-size=8191'], /a multiple of 4096/],
  ];
  for (const [program, args, words] of refused)
    test(`${args.join(' ')}: exit code 1, whether it is checked or started`, async () => {
      using folder = testFolder();
      const both = await Promise.all([
        run(program, '--check', ...args),
        run(program, '--socket-path', `${folder.path}/s`, ...args),
      ]);
      for (const { code, stderr } of both) {
        assert.equal(code, 1, stderr);
        assert.match(stderr, words);
      }
    });

  test('options and parameters that say the same go together; other mistakes are usage', async () => {
    const agree = await run(
      FERRY_FS,
      '--check',
      '--memory',
      '1G',
      '--m-memory',
      '1073741824',
      '--no-packed',
      '--m-packed-ring=off',
    );
    assert.deepEqual([agree.code, agree.stderr], [0, '']);
    for (const args of [
      ['--check'],
      ['--check', '--memory', '1M', '--bogus'],
      ['--check', '--memory', 'lots'],
    ])
      assert.equal((await run(FERRY_FS, ...args)).code, 2, args.join(' '));
  });
});

describe('a move between processes', () => {
  test('to an older device goes once the running source writes what that knows', async () => {
    using folder = testFolder();
    await using source = await launchFerry({ memory: '8M' });
    await using older = await Served.start(folder.path, {
      device: 'fs',
      options: { memory: 8 << 20 },
      settings: { factory: 'createFsDevice', newestStateFormat: 1 },
    });
    await using there = await ControlClient.connect(older.controlPath);
    const takes = parseInfo((await there.migrationInfo()).info);
    const ask = async () => {
      const { list, info } = await source.control((client) => client.migrationInfo());
      const here = readList(list);
      return check(here, takes, { source: parseInfo(info).models.get(here.model) });
    };
    const { session, client } = mounted(source.socket);
    using _session = session;
    const verdict = await ask();
    assert.equal(verdict.answer, 'no');
    assert.deepEqual(
      verdict.wayOut?.map(({ parameter, value, live }) => [parameter, value, live]),
      [['state-format', '1', true]],
    );
    session.stop();
    const tooNew = saveState(session.frontEnd);
    const frontEnd = session.prepareBackEnd(older.path);
    assert.throws(() => frontEnd.loadState([tooNew]), { code: 'ERR_STATE_REFUSED' });
    assert.match(
      (await there.status()).lastTransfer?.reason ?? '',
      /ferry\.parameters is required and unknown here/,
    );
    session.start();
    assert.ok(client.lookup(1, 'kept').node > 1, 'the guest goes on at the source');

    const { list, digest } = await source.control((control) => control.setParameter('state-format', '1'));
    assert.doesNotMatch(list, /state-format/);
    await source.control((control) => control.freeze(digest, 60));
    await assert.rejects(
      source.control((control) => control.setParameter('state-format', '2')),
      { code: 'ERR_PARAMETERS_FROZEN' },
    );
    assert.equal((await ask()).answer, 'yes');
    session.stop();
    frontEnd.loadState([saveState(session.frontEnd)]);
    session.adopt(frontEnd);
    session.start();
    assert.ok(client.lookup(1, 'kept').node > 1, 'the guest goes on at the destination');
    assert.equal((await there.status()).migration!.list, list);
  });

  test('to a device that was started with other parameters after the check is refused by name, the source goes on', async () => {
    using folder = testFolder();
    await using source = await launchFerry({ memory: '8M', further: ['--queues', '2'] });
    await using other = await launchFerry({ memory: '4M', socket: `${folder.path}/other.sock` });
    const { session, client } = mounted(source.socket);
    using _session = session;
    session.stop();
    const state = saveState(session.frontEnd);
    using frontEnd = session.prepareBackEnd(other.socket);
    assert.throws(() => frontEnd.loadState([state]), { code: 'ERR_STATE_REFUSED' });
    assert.equal(
      (await other.status()).lastTransfer?.reason,
      'ferry.parameters: memory is 8388608 at the source, this device takes 65536-4194304; ' +
        'request-queues is 2 at the source, this device takes 1',
    );
    session.start();
    assert.ok(client.lookup(1, 'kept').node > 1);
  });
});
