import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type MigrationList, parseInfo, parseList } from '../../../src/compat/index.ts';
import {
  ApplyError,
  type AttributeFiles,
  applySysfs,
  discover,
  HOST_ATTRIBUTES,
} from '../../../src/discover/index.ts';
import { assertRejects, NIC_TEXT } from './support.ts';
import { Driver, refuse, Tree, UUID } from './sysfs-tree.ts';

const INITIAL = { rss: 'on', q: '4', fmt: 'v2', ring: '256' };

function nic(...params: string[]): MigrationList {
  return parseList({ model: 'a.com/nic', params });
}

function nicTree(): { tree: Tree; type: string } & Disposable {
  const tree = new Tree();
  const type = tree.type('nic-16', { 'migration_info.json': NIC_TEXT });
  return { tree, type, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

async function failure(work: Promise<unknown>, code: string, message: RegExp): Promise<ApplyError> {
  const error = await assertRejects(work, code, message);
  assert.ok(error instanceof ApplyError);
  return error;
}

describe('applying a list to a device that is there', () => {
  it('writes each attribute once: the value in the list, or what switches it off', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', INITIAL);
    const files = new Driver(world.tree, INITIAL);
    const applied = await applySysfs(device, nic('q=16', 'rss=on'), { files });
    assert.equal(applied.outcome, 'applied');
    assert.deepEqual(files.writes, [
      `${UUID}/migration/fmt=v1`,
      `${UUID}/migration/q=16`,
      `${UUID}/migration/ring=0`,
      `${UUID}/migration/rss=on`,
    ]);
    const { list } = await discover(device);
    assert.deepEqual(
      [...(list?.parameters ?? [])],
      [
        ['q', '16'],
        ['rss', 'on'],
      ],
    );
  });

  it("needs nothing but the host's own files", async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', { ...INITIAL, fmt: 'a longer value than the new one' });
    const applied = await applySysfs(device, nic('q=8'));
    assert.ok(applied.outcome === 'applied');
    assert.deepEqual([applied.device, applied.created], [device, false]);
    assert.deepEqual(applied.written[0], { attribute: 'fmt', value: 'v1' });
    assert.equal(world.tree.attribute(device, 'q'), '8');
  });

  it('is refused before anything is written where the list does not fit, with every reason', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', INITIAL);
    const files = new Driver(world.tree, INITIAL);
    const bad = await applySysfs(device, nic('tso=on', 'fmt=v9'), { files });
    assert.ok(bad.outcome === 'refused');
    assert.deepEqual(
      bad.check.reasons.map(({ code, parameter }) => [code, parameter]),
      [
        ['value', 'fmt'],
        ['no-off-value', 'q'],
        ['unknown-parameter', 'tso'],
      ],
    );
    assert.deepEqual(files.writes, []);
  });

  it('names the attribute that refuses, what was written before it, and what the device is like now', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', INITIAL);
    const files = new Driver(world.tree, INITIAL, { ring: refuse('EBUSY') });
    const error = await failure(
      applySysfs(device, nic('q=16'), { files }),
      'ERR_APPLY_ATTRIBUTE',
      /migration\/ring refused "0": EBUSY; written: fmt=v1 q=16; .* now has fmt=v1 q=16 ring=256 rss=on$/,
    );
    assert.deepEqual([error.attribute, error.errnoName, error.removed], ['ring', 'EBUSY', undefined]);
    assert.deepEqual(error.written, [
      { attribute: 'fmt', value: 'v1' },
      { attribute: 'q', value: '16' },
    ]);
    assert.equal(error.state.get('ring'), '256');
    assert.equal(files.writes.length, 3);
  });

  it('names an attribute that took another value than was written', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', INITIAL);
    const rounding = { q: (value: string) => String(Number(value) & ~3) };
    const files = new Driver(world.tree, INITIAL, rounding);
    const error = await failure(
      applySysfs(device, nic('q=7'), { files }),
      'ERR_APPLY_MISMATCH',
      /migration\/q took "7" and says "4"; written: fmt=v1 q=7 ring=0 rss=off/,
    );
    assert.equal(error.attribute, 'q');
    assert.equal(files.writes.length, 4);
  });

  it('knows one value by its several texts', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', INITIAL);
    const files = new Driver(world.tree, INITIAL, { rss: (value) => (value === 'on' ? '1' : '0') });
    assert.equal((await applySysfs(device, nic('q=8', 'rss=on'), { files })).outcome, 'applied');
  });

  it('tries what is unproven: the attributes say', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', INITIAL);
    const yes = await applySysfs(device, nic('q=8', 'ring=512'));
    assert.ok(yes.outcome === 'applied');
    assert.equal(yes.check.answer, 'unproven');
    const files = new Driver(world.tree, INITIAL, { ring: refuse('EINVAL') });
    await failure(
      applySysfs(device, nic('q=8', 'ring=513'), { files }),
      'ERR_APPLY_ATTRIBUTE',
      /ring refused "513": EINVAL/,
    );
  });

  it('is not begun where an attribute is missing', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', INITIAL);
    rmSync(join(device, 'migration/rss'));
    const files = new Driver(world.tree, INITIAL);
    await assertRejects(
      applySysfs(device, nic('q=8'), { files }),
      'ERR_DISCOVER_SYSFS',
      /rss, .*; nothing was written$/,
    );
    assert.deepEqual(files.writes, []);
  });

  it('stops between two attributes when it is cancelled, and says where', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', INITIAL);
    const controller = new AbortController();
    const cancel = (value: string) => {
      controller.abort();
      return value;
    };
    const files = new Driver(world.tree, INITIAL, { fmt: cancel });
    const error = await failure(
      applySysfs(device, nic('q=8'), { files, signal: controller.signal }),
      'ERR_APPLY_CANCELLED',
      /Cancelled before .*migration\/q; written: fmt=v1;/,
    );
    assert.deepEqual(error.written.length, 1);
  });

  it('is not done by another document than was planned with', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, 'nic-16', INITIAL);
    const files = new Driver(world.tree, INITIAL);
    const same = parseInfo(NIC_TEXT.replace('"models"', '\n "models" '));
    const other = parseInfo(NIC_TEXT.replace('"1-8"', '"1-6"'));
    await assertRejects(
      applySysfs(device, nic('q=4'), { files, document: other }),
      'ERR_DISCOVER_CHANGED',
      /another than the one that was planned with; plan anew/,
    );
    assert.deepEqual(files.writes, []);
    assert.equal((await applySysfs(device, nic('q=4'), { files, document: same })).outcome, 'applied');
  });

  it('needs a document for a device that names no type', async () => {
    using world = nicTree();
    const device = world.tree.device(UUID, undefined, INITIAL);
    await assertRejects(
      applySysfs(device, nic('q=4')),
      'ERR_DISCOVER_SYSFS',
      /names no type, and no document/,
    );
    const applied = await applySysfs(device, nic('q=4'), { document: parseInfo(NIC_TEXT) });
    assert.equal(applied.outcome, 'applied');
  });
});

describe('applying a list to a type', () => {
  it('makes a device, then writes each of its attributes once', async () => {
    using world = nicTree();
    const files = new Driver(world.tree, INITIAL);
    const applied = await applySysfs(world.type, nic('q=16'), { files, uuid: UUID });
    assert.ok(applied.outcome === 'applied');
    assert.deepEqual([applied.device, applied.created], [join(world.tree.path, UUID), true]);
    assert.deepEqual(files.writes, [
      `mdev_supported_types/nic-16/create=${UUID}`,
      `${UUID}/migration/fmt=v1`,
      `${UUID}/migration/q=16`,
      `${UUID}/migration/ring=0`,
      `${UUID}/migration/rss=off`,
    ]);
  });

  it('names it by a random UUID, and never by anything else', async () => {
    using world = nicTree();
    const files = new Driver(world.tree, INITIAL);
    const applied = await applySysfs(world.type, nic('q=16'), { files });
    assert.ok(applied.outcome === 'applied');
    assert.match(applied.device, /[/][0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    await assertRejects(
      applySysfs(world.type, nic('q=16'), { files, uuid: '../../etc' }),
      'ERR_DISCOVER_SYSFS',
      /cannot name a device: expected a UUID/,
    );
  });

  it('removes it again where an attribute refuses or takes something else', async () => {
    for (const [behaviour, code] of [
      [{ ring: refuse('ENOSPC') }, 'ERR_APPLY_ATTRIBUTE'],
      [{ ring: () => '4096' }, 'ERR_APPLY_MISMATCH'],
    ] as const) {
      using world = nicTree();
      const files = new Driver(world.tree, INITIAL, behaviour);
      const work = applySysfs(world.type, nic('q=16'), { files, uuid: UUID });
      const error = await failure(work, code, /ring .*; written: fmt=v1 q=16.*; .* was removed again$/);
      assert.deepEqual([error.removed, error.attribute, error.state.size], [true, 'ring', 0]);
      assert.equal(files.writes.at(-1), `${UUID}/remove=1`);
      assert.ok(!existsSync(join(world.tree.path, UUID)));
    }
  });

  it('says so where it cannot be removed', async () => {
    using world = nicTree();
    const files = new Driver(world.tree, INITIAL, { q: refuse('EINVAL'), remove: refuse('EBUSY') });
    const error = await failure(
      applySysfs(world.type, nic('q=16'), { files, uuid: UUID }),
      'ERR_APPLY_ATTRIBUTE',
      /q refused "16": EINVAL; written: fmt=v1; .* could not be removed again \(.*EBUSY\) and has fmt=v1 q=4/,
    );
    assert.equal(error.removed, false);
  });

  it('says why no device was made, and removes none', async () => {
    using world = nicTree();
    const there = world.tree.device(UUID, 'nic-16', INITIAL);
    const files = new Driver(world.tree, INITIAL, { create: refuse('ENOSPC') });
    const error = await failure(
      applySysfs(world.type, nic('q=16'), { files, uuid: UUID }),
      'ERR_APPLY_CREATE',
      new RegExp(`made no device ${UUID}: ENOSPC`),
    );
    assert.equal(error.removed, undefined);
    assert.deepEqual(files.writes, [`mdev_supported_types/nic-16/create=${UUID}`]);
    assert.ok(existsSync(there));
  });

  it('touches nothing where the list does not fit, or a parent was named', async () => {
    using world = nicTree();
    const files = new Driver(world.tree, INITIAL);
    assert.equal((await applySysfs(world.type, nic('q=9'), { files })).outcome, 'refused');
    await assertRejects(
      applySysfs(world.tree.path, nic('q=4'), { files }),
      'ERR_DISCOVER_SEVERAL',
      /is a parent/,
    );
    assert.deepEqual(files.writes, []);
    assert.deepEqual(readdirSync(world.tree.path), ['mdev_supported_types']);
  });

  it('writes the model, then the version, where that is what the type has', async () => {
    using tree = new Tree();
    const type = tree.type('old', { migration_device_models: 'a.com/nic:\nv1\nv2\n' });
    const files = new Driver(tree, { device_model: 'a.com/nic', version: 'v2' });
    const list = parseList({ model: 'a.com/nic', version: 'v1' });
    const applied = await applySysfs(type, list, { files, uuid: UUID });
    assert.equal(applied.outcome, 'applied');
    assert.deepEqual(files.writes.slice(1), [
      `${UUID}/migration/device_model=a.com/nic`,
      `${UUID}/migration/version=v1`,
    ]);
    const other = parseList({ model: 'a.com/nic', version: 'v3' });
    const refused = await applySysfs(type, other, { files });
    assert.ok(refused.outcome === 'refused');
    assert.equal(refused.check.reasons[0]?.code, 'version');
  });
});

describe('attributes of the running kernel', () => {
  /** A device whose attributes are those of a process. */
  function processTree(document: object): { tree: Tree; device: string } {
    const tree = new Tree();
    tree.type('process', {
      'migration_info.json': JSON.stringify({ models: { 'kernel.org/process': document } }),
    });
    return { tree, device: tree.device(UUID, 'process', { oom_score_adj: '0', comm: 'x' }) };
  }

  function ofProcess(pid: number | 'self'): AttributeFiles {
    const to = (path: string) => path.replace(/^.*\/migration\/(oom_score_adj|comm)$/, `/proc/${pid}/$1`);
    return {
      names: HOST_ATTRIBUTES.names,
      resolve: HOST_ATTRIBUTES.resolve,
      read: (path, limit) => HOST_ATTRIBUTES.read(to(path), limit),
      write: (path, value) => HOST_ATTRIBUTES.write(to(path), value),
    };
  }

  const SCORE = { type: 'int', init_value: 0, off_value: 0 };

  it('take a value, and refuse one with EINVAL', async () => {
    const child = spawn('/bin/sleep', ['60']);
    const { tree, device } = processTree({ params: { oom_score_adj: SCORE } });
    try {
      rmSync(join(device, 'migration/comm'));
      const files = ofProcess(child.pid ?? 0);
      const list = (value: number) =>
        parseList({ model: 'kernel.org/process', params: [`oom_score_adj=${value}`] });
      assert.equal((await applySysfs(device, list(500), { files })).outcome, 'applied');
      assert.equal(readFileSync(`/proc/${child.pid}/oom_score_adj`, 'utf8'), '500\n');
      const error = await failure(
        applySysfs(device, list(2000), { files }),
        'ERR_APPLY_ATTRIBUTE',
        /oom_score_adj refused "2000": EINVAL; nothing was written before; .* now has oom_score_adj=500$/,
      );
      assert.equal(error.errnoName, 'EINVAL');
    } finally {
      child.kill('SIGKILL');
      tree[Symbol.dispose]();
    }
  });

  it('shorten a value, which is seen', async () => {
    const before = readFileSync('/proc/self/comm', 'utf8').trim();
    const files = ofProcess('self');
    const { tree, device } = processTree({
      params: { comm: { type: 'str', init_value: 'x', off_value: 'x' } },
    });
    try {
      rmSync(join(device, 'migration/oom_score_adj'));
      const list = parseList({ model: 'kernel.org/process', params: ['comm=a name of more than 15'] });
      await failure(
        applySysfs(device, list, { files }),
        'ERR_APPLY_MISMATCH',
        /comm took "a name of more than 15" and says "a name of more "/,
      );
    } finally {
      await HOST_ATTRIBUTES.write('/proc/self/comm', before);
      tree[Symbol.dispose]();
    }
  });
});
