/** A process that may nothing special shares the directory that is named by its argument: what comes of each request. */
import fs from 'node:fs';
import { join } from 'node:path';
import { createDirectoryFsDevice } from '../../src/devices/fs/index.ts';
import { FuseClient, FuseError, SetattrValid } from '../../src/fuse/index.ts';
import { GuestOf } from './fs-guest.ts';

const ROOT = 1;
const O_RDWR = 2;
// The way there may be closed to everybody else
const folder = `/proc/self/fd/${fs.openSync(process.argv[2]!, 'r')}`;

/** What `work` gives, or the name of its error. */
function outcome(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof FuseError)) throw error;
    return error.errnoName;
  }
}

const [uid, gid] = [65534, 65534];
process.setgroups?.([]);
process.setgid?.(gid);
process.setuid?.(uid);
using guest = new GuestOf(createDirectoryFsDevice({ directory: folder }));
const root = guest.client;
root.init();
const somebody = new FuseClient((bytes, room) => guest.send(bytes, room) ?? new Uint8Array(), {
  uid: 1000,
  gid: 1000,
  pid: 7,
});
const owners = (name: string) => {
  const { uid: user, gid: group } = fs.lstatSync(join(folder, name));
  return `${user}:${group}`;
};
somebody.create(ROOT, 'file', O_RDWR, 0o644);
root.mkdir(ROOT, 'sub', 0o755);
const { node } = root.lookup(ROOT, 'file');
const theirs = root.lookup(ROOT, 'theirs').node;
process.stdout.write(
  JSON.stringify({
    made: [owners('file'), owners('sub')],
    chown: outcome(() => root.setattr(node, { valid: SetattrValid.uid, uid: 0 })),
    chmod: outcome(() => root.setattr(node, { valid: SetattrValid.mode, mode: 0o600 }).mode.toString(8)),
    chmodTheirs: outcome(() => root.setattr(theirs, { valid: SetattrValid.mode, mode: 0o666 })),
    openTheirs: outcome(() => root.open(theirs, 0)),
    device: outcome(() => root.mknod(ROOT, 'device', 0o020666, 0x105)),
    pipe: outcome(() => root.mknod(ROOT, 'pipe', 0o010666).nlink),
    trusted: outcome(() => root.getxattr(node, 'trusted.x')),
    names: fs.readdirSync(folder).sort(),
  }),
);
