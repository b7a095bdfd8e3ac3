/** Whose the files are that a guest makes in a shared directory, and which bits of their modes last. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DescriptorBudget } from '../../src/devices/fs/directory/budget.ts';
import { cachePolicies } from '../../src/devices/fs/directory/cache.ts';
import { DirectoryFsDevice } from '../../src/devices/fs/directory/device.ts';
import { directoryFsOptions } from '../../src/devices/fs/directory/options.ts';
import { Share } from '../../src/devices/fs/directory/share.ts';
import {
  CreateIn,
  encodeName,
  type FuseClient,
  InitFlag,
  OPEN_KILL_PRIVILEGES,
  requests,
  SetattrValid,
  WriteFlag,
} from '../../src/fuse/index.ts';
import { ThreadCredentials } from '../../src/sys/index.ts';
import { ROOT, World } from './fs-directory-world.ts';
import { Folder } from './fs-share-support.ts';

const O_RDWR = 2;
const O_WRONLY = 1;
const O_TRUNC = 0o1000;

function ownersOf(world: World, ...names: string[]): [number, number] {
  const { uid, gid } = fs.lstatSync(world.at(...names));
  return [uid, gid];
}

function permissionsOf(world: World, ...names: string[]): number {
  return fs.lstatSync(world.at(...names)).mode & 0o7777;
}

/** Everything that can be made, as somebody. */
const makers: Record<string, (client: FuseClient, directory: number, name: string) => unknown> = {
  create: (client, directory, name) => client.create(directory, name, O_RDWR, 0o664),
  mkdir: (client, directory, name) => client.mkdir(directory, name, 0o775),
  mknod: (client, directory, name) => client.mknod(directory, name, 0o010664),
  'mknod of a device': (client, directory, name) => client.mknod(directory, name, 0o020664, 0x105),
  symlink: (client, directory, name) => client.symlink(directory, name, 'x'),
};

describe('as root, what a guest makes belongs to whoever asked', () => {
  for (const [what, make] of Object.entries(makers))
    test(what, () => {
      using world = new World();
      make(world.as(1000, 1001), ROOT, 'made');
      assert.deepEqual(ownersOf(world, 'made'), [1000, 1001]);
      make(world.as(0, 1001), ROOT, 'by root');
      assert.deepEqual(ownersOf(world, 'by root'), [0, 1001]);
      make(world.client, ROOT, 'by root, too');
      assert.deepEqual(ownersOf(world, 'by root, too'), [0, 0]);
      const { node } = world.client.mkdir(ROOT, 'groups', 0o2775);
      world.client.setattr(node, { valid: SetattrValid.gid, gid: 55 });
      world.client.setattr(node, { valid: SetattrValid.mode, mode: 0o2775 });
      make(world.as(1000, 1001), node, 'made');
      assert.deepEqual(ownersOf(world, 'groups', 'made'), [1000, 55]);
      assert.equal((permissionsOf(world, 'groups', 'made') & 0o2000) !== 0, what === 'mkdir');
    });

  test('a file without a name', () => {
    using world = new World();
    const { entry } = world.as(1000, 1001).tmpfile(ROOT, O_RDWR, 0o600);
    assert.deepEqual([entry.uid, entry.gid], [1000, 1001]);
  });

  test('what is left where a file was moved away', () => {
    using world = new World();
    world.client.create(ROOT, 'file', O_RDWR, 0o644);
    world.as(1000, 1001).call(requests.rename2(ROOT, 'file', ROOT, 'moved', 4));
    assert.deepEqual(
      [ownersOf(world, 'file'), ownersOf(world, 'moved')],
      [
        [1000, 1001],
        [0, 0],
      ],
    );
  });

  test('in a directory that only others may write to: the guest has judged that', () => {
    using world = new World();
    const { node } = world.client.mkdir(ROOT, 'private', 0o700);
    world.as(1000, 1001).create(node, 'file', O_RDWR, 0o600);
    assert.deepEqual(ownersOf(world, 'private', 'file'), [1000, 1001]);
  });

  test('and the device is itself again afterwards, also when nothing could be made', () => {
    using world = new World();
    const somebody = world.as(1000, 1001);
    somebody.create(ROOT, 'file', O_RDWR, 0o600);
    assert.throws(() => somebody.mkdir(ROOT, 'file', 0o700), { errnoName: 'EEXIST' });
    const status = fs.readFileSync('/proc/thread-self/status', 'utf8');
    assert.match(status, /^Uid:\t0\t0\t0\t0$/m);
    assert.match(status, /^Gid:\t0\t0\t0\t0$/m);
    assert.match(status, /^Groups:\t ?$/m);
  });
});

test('setgid is not given by making a file, to somebody who is not in the group', () => {
  using world = new World();
  const { node } = world.client.mkdir(ROOT, 'groups', 0o777);
  world.client.setattr(node, { valid: SetattrValid.gid, gid: 55 });
  world.client.setattr(node, { valid: SetattrValid.mode, mode: 0o2777 });
  const outsider = world.as(1000, 1001);
  outsider.create(node, 'created', O_RDWR, 0o2755);
  outsider.mknod(node, 'made', 0o102755);
  const nameless = outsider.tmpfile(node, O_RDWR, 0o2755);
  assert.deepEqual(
    [permissionsOf(world, 'groups', 'created'), permissionsOf(world, 'groups', 'made')],
    [0o755, 0o755],
  );
  assert.equal(nameless.entry.mode & 0o7777, 0o755);
  world.as(1000, 55).create(node, 'member', O_RDWR, 0o2755);
  assert.equal(permissionsOf(world, 'groups', 'member'), 0o2755);
});

test('somebody who is in the group of the directory besides their own is known by the request', () => {
  using world = new World();
  world.client.init(InitFlag.initExtended | InitFlag.createSupplementaryGroup);
  const { node } = world.client.mkdir(ROOT, 'groups', 0o777);
  world.client.setattr(node, { valid: SetattrValid.gid, gid: 55 });
  world.client.setattr(node, { valid: SetattrValid.mode, mode: 0o2777 });
  // In the extension: its size and type, how many groups, the group.
  const groups = new Uint8Array(new Uint32Array([16, 32, 1, 55]).buffer);
  const create = { ...requests.create(node, 'member', O_RDWR, 0o2755) };
  const body = CreateIn.encode({ flags: O_RDWR, mode: 0o2755, umask: 0, openFlags: 0 });
  world.as(1000, 1001).call({ ...create, arguments: [body, encodeName('member'), groups] });
  assert.equal(permissionsOf(world, 'groups', 'member'), 0o2755);
  assert.match(fs.readFileSync('/proc/thread-self/status', 'utf8'), /^Groups:\t ?$/m);
});

describe('setuid and setgid', () => {
  /** A file with both, open for writing. */
  function special(world: World, client = world.client) {
    const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
    client.write(entry.node, handle, 0, Buffer.from('contents'));
    client.setattr(entry.node, { valid: SetattrValid.mode, mode: 0o6755 });
    assert.equal(permissionsOf(world, 'file'), 0o6755);
    return { node: entry.node, handle };
  }

  function write(world: World, node: number, handle: number, flags: number): void {
    const request = requests.write(node, handle, 0, Buffer.from('x'));
    new DataView(request.arguments[0]!.buffer, request.arguments[0]!.byteOffset).setUint32(20, flags, true);
    world.client.call(request);
  }

  test('go when the guest says that who writes may not keep them, and stay when not', () => {
    using world = new World();
    const { node, handle } = special(world);
    write(world, node, handle, 0);
    assert.equal(permissionsOf(world, 'file'), 0o6755);
    write(world, node, handle, WriteFlag.killPrivileges);
    assert.equal(permissionsOf(world, 'file'), 0o755);
  });

  test('go and stay likewise when the file is made shorter', () => {
    using world = new World();
    const { node, handle } = special(world);
    const { size, killPrivileges } = SetattrValid;
    world.client.setattr(node, { valid: size, size: 5 });
    assert.equal(permissionsOf(world, 'file'), 0o6755);
    world.client.setattr(node, { valid: size | killPrivileges | SetattrValid.handle, size: 4, handle });
    assert.equal(permissionsOf(world, 'file'), 0o755);
    special(world);
    world.client.call(requests.open(node, O_WRONLY | O_TRUNC));
    assert.equal(permissionsOf(world, 'file'), 0o6755);
    const kill = requests.open(node, O_WRONLY | O_TRUNC);
    kill.arguments[0]![4] = OPEN_KILL_PRIVILEGES;
    world.client.call(kill);
    assert.equal(permissionsOf(world, 'file'), 0o755);
  });

  test('go when room is made in the file or something is copied to it', () => {
    using world = new World();
    const { node, handle } = special(world);
    world.client.call(requests.fallocate(node, handle, 0, 0, 4096));
    assert.equal(permissionsOf(world, 'file'), 0o755);
  });

  test('that the guest gives are given, to whomever the file belongs', () => {
    using world = new World();
    const { node, handle } = special(world, world.as(1000, 1001));
    write(world, node, handle, WriteFlag.killPrivileges);
    world.client.setattr(node, { valid: SetattrValid.mode, mode: 0o2711 });
    assert.equal(permissionsOf(world, 'file'), 0o2711);
  });
});

test('as anybody else, everything belongs to the user of the process, who may do no more than elsewhere', () => {
  using folder = new Folder();
  fs.chownSync(folder.path, 65534, 65534);
  folder.write('theirs', 'x');
  fs.chmodSync(folder.at('theirs'), 0o600);
  const program = fileURLToPath(new URL('./fs-directory-nobody.ts', import.meta.url));
  const output = execFileSync(process.execPath, ['--conditions=ferry-source', program, folder.path], {
    encoding: 'utf8',
  });
  assert.deepEqual(JSON.parse(output), {
    made: ['65534:65534', '65534:65534'],
    chown: 'EPERM',
    chmod: '100600',
    chmodTheirs: 'EPERM',
    openTheirs: 'EACCES',
    device: 'EPERM',
    pipe: 1,
    trusted: 'ENODATA',
    names: ['file', 'pipe', 'sub', 'theirs'],
  });
});

test('where a thread may have no file mask of its own, the operator is told', () => {
  using folder = new Folder();
  const share = Share.open({
    path: folder.path,
    budget: new DescriptorBudget(0),
    credentials: new ThreadCredentials(),
    cache: cachePolicies.auto,
  });
  const options = directoryFsOptions({ directory: folder.path });
  using device = new DirectoryFsDevice(share, { ...options, config: undefined, ownMask: false });
  const log: string[] = [];
  device.attach({
    log: (line) => log.push(line),
    watch: () => assert.fail('nothing to watch'),
    configChanged: () => undefined,
    now: () => 0,
  });
  assert.match(log.join(), /no file mask of its own/);
});
