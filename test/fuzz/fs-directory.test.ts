/** Requests to a shared directory, plausible and bent: each is answered, and none reaches anything beside it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDirectoryFsDevice, type DirectoryFsDevice } from '../../src/devices/fs/index.ts';
import { encodeRequest, IN_HEADER, InHeader, Opcode, OUT_HEADER, replyRoom } from '../../src/fuse/index.ts';
import { liveResources } from '../../src/sys/index.ts';
import { GuestOf } from '../unit/fs-guest.ts';
import { bend, type Known, plausible, reservesMuch } from './fuse-requests.ts';
import { fuzz } from './target.ts';

const SILENT: readonly number[] = [Opcode.forget, Opcode.batchForget, Opcode.interrupt];
const SECRET = 'what no guest may see';
const DIRECTORY = 0o040000;
const FORMAT = 0o170000;

/** A directory to share, and beside it what must stay as it is. */
class Place implements Disposable {
  readonly outer = fs.mkdtempSync(join(tmpdir(), 'ferry-fuzz-'));
  readonly share = join(this.outer, 'share');
  readonly names = [
    '..',
    '.',
    '../secret',
    'inside/../../secret',
    '/',
    this.outer,
    'out',
    'up',
    'inside',
    'tube',
    '',
  ];
  readonly #beside: string;

  constructor() {
    fs.writeFileSync(join(this.outer, 'secret'), SECRET);
    fs.mkdirSync(join(this.outer, 'treasure'));
    fs.writeFileSync(join(this.outer, 'treasure', 'gold'), SECRET);
    this.#beside = this.#look();
  }

  /** An untouched share, with links that lead out of it. */
  renew(): void {
    fs.rmSync(this.share, { recursive: true, force: true });
    fs.mkdirSync(join(this.share, 'inside'), { recursive: true });
    fs.symlinkSync(join(this.outer, 'secret'), join(this.share, 'out'));
    fs.symlinkSync('..', join(this.share, 'up'));
    fs.symlinkSync('../../treasure', join(this.share, 'inside', 'treasure'));
    fs.writeFileSync(join(this.share, 'a'), 'public');
    execFileSync('mkfifo', [join(this.share, 'tube')]);
  }

  assertUntouched(): void {
    assert.equal(this.#look(), this.#beside);
  }

  /** Everything about what lies beside the share, but for times of reading. */
  #look(): string {
    return ['secret', 'treasure', 'treasure/gold']
      .map((name) => {
        const { mode, nlink, uid, gid, size, ino, ctimeMs } = fs.lstatSync(join(this.outer, name));
        return [name, mode, nlink, uid, gid, size, ino, ctimeMs].join(' ');
      })
      .concat(fs.readdirSync(this.outer).filter((name) => name !== 'share'))
      .join('\n');
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.outer, { recursive: true, force: true });
  }
}

function knownTo({ device: { share } }: GuestOf<DirectoryFsDevice>, names: readonly string[]): Known {
  const handles = (opened: Iterable<{ handle: number; inode: { node: number } }>) =>
    Array.from(opened, ({ handle, inode }) => ({ handle, node: inode.node }));
  const inodes = [...share.inodes.values()];
  return {
    nodes: inodes.map(({ node }) => node),
    folders: inodes.filter(({ type }) => (type & FORMAT) === DIRECTORY).map(({ node }) => node),
    files: handles(share.files.values()),
    directories: handles(share.directories.values()),
    names,
  };
}

fuzz('fs-directory', async (loop) => {
  using place = new Place();
  let succeeded = 0;
  await loop((draw) => {
    place.renew();
    const held = liveResources();
    {
      using guest = new GuestOf(createDirectoryFsDevice({ directory: place.share, locks: 'device' }));
      guest.client.init();
      const steps = draw.pick([30, 200]);
      for (let step = 0; step < steps && !draw.ended; step++) {
        const request = plausible(knownTo(guest, place.names), draw);
        const bytes = bend(encodeRequest(request, BigInt(step) * 2n), draw);
        if (reservesMuch(bytes)) continue;
        guest.piece = draw.pick([7, 64, 4096]);
        const room = draw.once(20) ? draw.below(200) : replyRoom(request);
        const answer = guest.send(bytes, room);
        if (guest.device.share.session === undefined) guest.client.init();
        if (answer === undefined || answer.length === 0) {
          const opcode = bytes.length < IN_HEADER ? 0 : InHeader.decode(bytes).opcode;
          const expected =
            answer === undefined ? opcode === Opcode.setlkw : room < OUT_HEADER || SILENT.includes(opcode);
          assert.ok(expected, `opcode ${opcode} with room for ${room} bytes was not answered`);
          continue;
        }
        assert.ok(!Buffer.from(answer).includes(SECRET), 'the secret is out');
        if (new DataView(answer.buffer, answer.byteOffset).getInt32(4, true) === 0) succeeded++;
      }
    }
    place.assertUntouched();
    assert.deepEqual(liveResources(), held);
  });
  assert.ok(succeeded > 0, 'no request succeeded');
});
