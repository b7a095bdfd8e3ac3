/** A process that may nothing special moves a guest of the directory that is named by its argument: what comes of it. */
import fs from 'node:fs';
import { createDirectoryFsDevice } from '../../src/devices/fs/index.ts';
import { requests } from '../../src/fuse/index.ts';
import { GuestOf } from './fs-guest.ts';
import { data, move, O_RDWR, ROOT, text } from './fs-kept.ts';

// The way there may be closed to everybody else
const directory = `/proc/self/fd/${fs.openSync(process.argv[2]!, 'r')}`;
process.setgroups?.([]);
process.setgid?.(65534);
process.setuid?.(65534);
using before = new GuestOf(createDirectoryFsDevice({ directory }));
using after = new GuestOf(createDirectoryFsDevice({ directory }));
const { client } = before;
client.init();
const deleted = client.create(ROOT, 'deleted', O_RDWR, 0o400);
client.write(deleted.entry.node, deleted.handle, 0, data('contents'));
const kept = client.create(ROOT, 'kept', O_RDWR, 0o444);
const { node } = client.mkdir(ROOT, 'd', 0o755);
client.opendir(node);
const fifo = client.mknod(ROOT, 'fifo', 0o10600).node;
for (const name of ['deleted', 'fifo']) client.call(requests.unlink(ROOT, name));
client.call(requests.rmdir(ROOT, 'd'));
client.lookup(ROOT, 'theirs');
move(before.device, after.device);
const moved = after.client;
moved.write(kept.entry.node, kept.handle, 0, data('written'));
const modeOf = (inode: number) => moved.getattr(inode).mode.toString(8);
process.stdout.write(
  JSON.stringify({
    deleted: [text(moved.read(deleted.entry.node, deleted.handle, 0, 100)), modeOf(deleted.entry.node)],
    kept: [text(moved.read(kept.entry.node, kept.handle, 0, 100)), modeOf(kept.entry.node)],
    removed: [modeOf(node), modeOf(fifo)],
    names: fs.readdirSync(directory).sort(),
  }),
);
