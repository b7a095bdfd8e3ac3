/** Requests that are plausible, then bent: the fs device answers each, and what it holds stays in order. */
import assert from 'node:assert/strict';
import {
  decodeReply,
  encodeRequest,
  IN_HEADER,
  InHeader,
  Opcode,
  OUT_HEADER,
  replyRoom,
} from '../../src/fuse/index.ts';
import { Guest } from '../unit/fs-guest.ts';
import { checkInvariants } from '../unit/fs-invariants.ts';
import { bend, type Known, plausible } from './fuse-requests.ts';
import { fuzz } from './target.ts';

const SILENT: readonly number[] = [Opcode.forget, Opcode.batchForget, Opcode.interrupt];

function knownTo({ device: { fileSystem } }: Guest): Known {
  const handles = (opened: Iterable<{ handle: number; inode: { ino: number } }>) =>
    Array.from(opened, ({ handle, inode }) => ({ handle, node: inode.ino }));
  const inodes = [...fileSystem.inodes.values()];
  return {
    nodes: inodes.map(({ ino }) => ino),
    folders: inodes.filter(({ directory }) => directory).map(({ ino }) => ino),
    files: handles(fileSystem.files.values()),
    directories: handles(fileSystem.directories.values()),
    names: [],
  };
}

fuzz('fs-device', async (loop) => {
  let succeeded = 0;
  await loop((draw) => {
    using guest = Guest.mounted({ memory: 2 ** 20, locks: 'device' });
    const steps = draw.pick([30, 400]);
    for (let step = 0; step < steps && !draw.ended; step++) {
      const request = plausible(knownTo(guest), draw);
      const bytes = bend(encodeRequest(request, BigInt(step) * 2n), draw);
      guest.piece = draw.pick([7, 64, 4096]);
      const room = draw.once(20) ? draw.below(200) : replyRoom(request);
      const answer = guest.send(bytes, room);
      if (guest.device.fileSystem.session === undefined) guest.client.init();
      if (answer === undefined || answer.length === 0) {
        const opcode = bytes.length < IN_HEADER ? 0 : InHeader.decode(bytes).opcode;
        const expected =
          answer === undefined ? opcode === Opcode.setlkw : room < OUT_HEADER || SILENT.includes(opcode);
        assert.ok(expected, `opcode ${opcode} with room for ${room} bytes was not answered`);
        continue;
      }
      const { error, unique } = decodeReply(answer);
      if (bytes.length >= IN_HEADER) assert.equal(unique, InHeader.decode(bytes).unique);
      if (error === 0) succeeded++;
    }
    checkInvariants(guest.device.fileSystem);
    guest.device.reset();
    checkInvariants(guest.device.fileSystem);
  });
  assert.ok(succeeded > 0, 'no request succeeded');
});
