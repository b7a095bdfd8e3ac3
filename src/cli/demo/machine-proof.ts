import { DIGEST_BYTES, differingPieces, type MachineFindings, PIECE_BYTES } from '../../machine/index.ts';
import { formatSize } from '../quantities.ts';
import type { Timeline } from './timeline.ts';

const number = (value: number) => value.toLocaleString('en');

/** Tell whether two lists of digests are the same. */
export function compareDigests(
  timeline: Timeline,
  what: string,
  here: Uint8Array,
  there: Uint8Array | undefined,
): void {
  const differing = differingPieces(here, there ?? new Uint8Array(0));
  const pieces = `${number(here.length / DIGEST_BYTES)} pieces of ${formatSize(PIECE_BYTES)}`;
  const found =
    differing.length === 0
      ? `${pieces} with the same SHA-256 at both ends`
      : `${number(differing.length)} of ${pieces} differ, number ${differing[0]} first`;
  timeline.check(`${what}, byte for byte`, differing.length === 0, found);
}

/** Tell what the guest found when it looked at everything it has. */
export function showFindings(timeline: Timeline, where: string, { memory, disks }: MachineFindings): void {
  const { pages, wrong, firstWrong, addsUp } = memory;
  const sum = addsUp ? 'none is an old one' : 'some of them are old ones';
  timeline.check(
    `pages ${where}`,
    wrong === 0 && addsUp,
    `${number(pages)} say what they are, ${wrong} do not${firstWrong === undefined ? '' : ` (page ${firstWrong} first)`}; ${sum}`,
  );
  if (disks.length === 0) return;
  const blocks = disks.reduce((sum, disk) => sum + disk.blocks, 0);
  const bad = disks.reduce((sum, disk) => sum + disk.wrong, 0);
  timeline.check(
    `blocks on the disks ${where}`,
    bad === 0,
    `${number(blocks)} read, ${bad} are not what was written last`,
  );
}
