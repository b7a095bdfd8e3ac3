import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseLimit } from '../../support/engine/memory-limit.ts';

const V1 = '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory';
const V2 = '41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw';
const CPU = '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu';

/** Surroundings where groups can be made in `folders` alone, and what was tried. */
function world(mounts: readonly string[], cgroups: readonly string[], folders: readonly string[]) {
  const tried: string[] = [];
  const usable = (folder: string) => {
    tried.push(folder);
    return folders.includes(folder);
  };
  return { mounts: mounts.join('\n'), cgroups: cgroups.join('\n'), usable, tried };
}

test('a group of version 2 is made in the nearest group above that gives memory limits', () => {
  const found = world(
    [CPU, V2],
    ['0::/user.slice/session-1.scope'],
    ['/sys/fs/cgroup/user.slice', '/sys/fs/cgroup'],
  );
  assert.deepEqual(chooseLimit(found), { kind: 'cgroup', version: 2, folder: '/sys/fs/cgroup/user.slice' });
  assert.deepEqual(found.tried, ['/sys/fs/cgroup/user.slice/session-1.scope', '/sys/fs/cgroup/user.slice']);
});

test('a group of version 1 is made below the own one, where version 2 gives no memory limits', () => {
  const own = '/sys/fs/cgroup/memory/a:b';
  const found = world([V2, CPU, V1], ['4:cpu,memory:/a:b', '0::/'], [own]);
  assert.deepEqual(chooseLimit(found), { kind: 'cgroup', version: 1, folder: own });
  assert.deepEqual(found.tried, ['/sys/fs/cgroup', own]);
});

test('in a container the own group is the root of the mount', () => {
  const mount = V2.replace(' / ', ' /docker/1234 ');
  const found = world([mount], ['0::/docker/1234/inner'], ['/sys/fs/cgroup/inner']);
  assert.deepEqual(chooseLimit(found), { kind: 'cgroup', version: 2, folder: '/sys/fs/cgroup/inner' });
});

test('RLIMIT_DATA is taken where there are no groups, or none can be made', () => {
  assert.deepEqual(chooseLimit(world([], [], [])), { kind: 'rlimit' });
  assert.deepEqual(chooseLimit(world([CPU], ['1:cpu:/'], [])), { kind: 'rlimit' });
  const found = world([V2, V1], ['4:memory:/own', '0::/own'], []);
  assert.deepEqual(chooseLimit(found), { kind: 'rlimit' });
  assert.deepEqual(found.tried, ['/sys/fs/cgroup/own', '/sys/fs/cgroup', '/sys/fs/cgroup/memory/own']);
});
