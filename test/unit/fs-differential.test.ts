/** The same operations on a real file system and on the device, which is moved now and then: nobody can tell, whatever the files are kept in. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createDirectoryFsDevice,
  createFsDevice,
  DirectoryFsDevice,
  FsDevice,
} from '../../src/devices/fs/index.ts';
import { asError } from '../../src/errors.ts';
import { FuseError } from '../../src/fuse/index.ts';
import { GuestOf } from './fs-guest.ts';
import { checkInvariants } from './fs-invariants.ts';
import { FusePosix, HostPosix, Open, type Posix, type Status } from './fs-posix.ts';
import { Folder } from './fs-share-support.ts';
import { Recorder, readerOf } from './fs-state-support.ts';

/** Where tmpfs is, if it is anywhere; else any file system will do. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const RUNS = Number(process.env.FERRY_DIFFERENTIAL_RUNS ?? 60);

type Step = readonly [name: string, run: (posix: Posix, descriptors: number[]) => unknown];

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.oneof(
  name,
  fc.tuple(name, name).map(([folder, file]) => `${folder}/${file}`),
);
const permissions = fc.integer({ min: 0, max: 0o777 });
const access = fc.constantFrom(Open.read, Open.write, Open.both);
const extra = fc.constantFrom(
  0,
  Open.create,
  Open.create,
  Open.create | Open.exclusive,
  Open.truncate,
  Open.create | Open.truncate,
);
const offset = fc.oneof(fc.integer({ min: 0, max: 10_000 }), fc.constantFrom(0, 4095, 4096, 4097, 300_000));
const chosen = fc.nat({ max: 30 });

function descriptor(descriptors: readonly number[], choice: number): number {
  return descriptors.length === 0 ? 9999 : descriptors[choice % descriptors.length]!;
}

function withoutTime({ mode, nlink, size }: Status): unknown {
  return { mode: mode.toString(8), nlink, size };
}

const any: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(path, permissions).map(([p, m]): Step => [`mkdir ${p}`, (x) => x.mkdir(p, m | 0o700)]),
  path.map((p): Step => [`rmdir ${p}`, (x) => x.rmdir(p)]),
  path.map((p): Step => [`unlink ${p}`, (x) => x.unlink(p)]),
  fc.tuple(path, path).map(([p, q]): Step => [`rename ${p} ${q}`, (x) => x.rename(p, q)]),
  fc.tuple(path, path).map(([p, q]): Step => [`link ${p} ${q}`, (x) => x.link(p, q)]),
  path.map((p): Step => [`symlink ${p}`, (x) => x.symlink('leads/nowhere', p)]),
  path.map((p): Step => [`readlink ${p}`, (x) => x.readlink(p)]),
  fc.tuple(path, permissions).map(([p, m]): Step => [`chmod ${p}`, (x) => x.chmod(p, m | 0o700)]),
  fc.tuple(path, chosen).map(
    ([p, s]): Step => [
      `utimes ${p}`,
      (x) => {
        x.utimes(p, s * 1000);
        return x.status(p).mtime;
      },
    ],
  ),
  fc.tuple(path, offset).map(([p, s]): Step => [`truncate ${p} ${s}`, (x) => x.truncate(p, s)]),
  path.map((p): Step => [`status ${p}`, (x) => withoutTime(x.status(p))]),
  fc.oneof(path, fc.constant('.')).map((p): Step => [`list ${p}`, (x) => x.list(p)]),
  fc
    .tuple(path, access, extra, permissions)
    .map(
      ([p, a, e, m]): Step => [
        `open ${p} ${a | e}`,
        (x, open) => void open.push(x.open(p, a | e, m | 0o600)),
      ],
    ),
  chosen.map(
    (c): Step => [
      `close ${c}`,
      (x, open) => {
        x.close(descriptor(open, c));
        open.splice(c % open.length, 1);
      },
    ],
  ),
  fc
    .tuple(chosen, offset)
    .map(([c, o]): Step => [`read ${c} ${o}`, (x, open) => x.read(descriptor(open, c), o, 9000)]),
  fc
    .tuple(chosen, offset, offset)
    .map(
      ([c, o, n]): Step => [
        `write ${c} ${o} ${n}`,
        (x, open) => x.write(descriptor(open, c), o, Buffer.alloc(n, `${c}${o}${n}`)),
      ],
    ),
  fc
    .tuple(chosen, offset)
    .map(([c, s]): Step => [`resize ${c} ${s}`, (x, open) => x.resize(descriptor(open, c), s)]),
  chosen.map((c): Step => [`fstat ${c}`, (x, open) => withoutTime(x.descriptorStatus(descriptor(open, c)))]),
);

/** What makes things is more frequent, so that there is something for the rest to work on. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: any, weight: 4 },
  {
    arbitrary: fc
      .tuple(path, permissions)
      .map(
        ([p, m]): Step => [
          `create ${p}`,
          (x, open) => void open.push(x.open(p, Open.both | Open.create, m | 0o600)),
        ],
      ),
    weight: 1,
  },
  {
    arbitrary: fc
      .tuple(name, permissions)
      .map(([p, m]): Step => [`mkdir ${p}`, (x) => x.mkdir(p, m | 0o700)]),
    weight: 1,
  },
);

/** What a step came to: its result, or its errno. */
function outcome(run: () => unknown): unknown {
  try {
    return { result: run() };
  } catch (error) {
    if (error instanceof FuseError) return { errno: error.errno };
    const { errno } = asError(error) as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return { errno: -errno };
  }
}

/** Everything below `path`, with contents. */
function snapshot(posix: Posix, path: string): unknown {
  return posix.list(path).map((entry) => {
    const below = path === '.' ? entry : `${path}/${entry}`;
    const status = posix.status(below);
    const type = status.mode & 0o170000;
    if (type === 0o040000)
      return [entry, withoutTime(status), path === '.' ? snapshot(posix, below) : undefined];
    if (type === 0o120000) return [entry, withoutTime(status), posix.readlink(below)];
    const file = posix.open(below, Open.read, 0);
    const contents = posix.read(file, 0, 700_000);
    posix.close(file);
    return [entry, withoutTime(status), contents];
  });
}

/** What the device keeps files in. */
interface Backing {
  /** A device that no guest has seen; each but the first gets the state of the one before. */
  begin(): FsDevice | DirectoryFsDevice;
  /** The guest has closed all and given every reference back. */
  check(device: FsDevice | DirectoryFsDevice): void;
}

/** Save the state of the device and load it into a new one, as a migration does. */
function moved(from: GuestOf<FsDevice | DirectoryFsDevice>, { begin }: Backing): typeof from {
  const records = new Recorder();
  from.device.suspend();
  from.device.save(records);
  const to = new GuestOf(begin());
  using staged = to.device.load(readerOf(records.saved));
  staged.commit();
  from[Symbol.dispose]();
  return to;
}

function compare(steps: readonly (Step | 'move')[], backing: Backing): void {
  const folder = mkdtempSync(join(PLACE, 'ferry-differential-'));
  let guest = new GuestOf(backing.begin());
  guest.client.init();
  try {
    const host = new HostPosix(folder);
    const device = new FusePosix(guest.client);
    const hostOpen: number[] = [];
    const deviceOpen: number[] = [];
    for (const next of steps) {
      if (next === 'move') {
        guest = moved(guest, backing);
        device.client = guest.client;
        continue;
      }
      const [what, run] = next;
      const expected = outcome(() => run(host, hostOpen));
      assert.deepEqual(
        outcome(() => run(device, deviceOpen)),
        expected,
        what,
      );
    }
    assert.deepEqual(snapshot(device, '.'), snapshot(host, '.'));
    for (const descriptor of hostOpen) host.close(descriptor);
    for (const descriptor of deviceOpen) device.close(descriptor);
    backing.check(guest.device);
  } finally {
    guest[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

const sequences = fc.array(
  fc.oneof({ arbitrary: step, weight: 40 }, { arbitrary: fc.constant('move' as const), weight: 1 }),
  {
    minLength: 20,
    maxLength: 150,
    size: 'max',
  },
);

test('random operations come to the same in memory as on the file system of this machine', () => {
  const backing: Backing = {
    begin: () => createFsDevice({ memory: 64 * 2 ** 20 }),
    check(device) {
      assert.ok(device instanceof FsDevice);
      const { inodes } = device.fileSystem;
      for (const inode of inodes.values()) assert.equal(inode.lookups, 0, `references to ${inode.ino}`);
      checkInvariants(device.fileSystem);
    },
  };
  fc.assert(
    fc.property(sequences, (steps) => compare(steps, backing)),
    { numRuns: RUNS },
  );
});

test('random operations come to the same in a shared directory as beside it', () => {
  fc.assert(
    fc.property(sequences, (steps) => {
      using shared = new Folder(PLACE);
      compare(steps, {
        begin: () => createDirectoryFsDevice({ directory: shared.path }),
        check(device) {
          assert.ok(device instanceof DirectoryFsDevice);
          const { share } = device;
          assert.deepEqual(
            [...share.inodes.values()].map(({ node, lookups, opens }) => [node, lookups, opens]),
            [[share.root.node, 0, 0]],
          );
        },
      });
    }),
    { numRuns: RUNS },
  );
});
