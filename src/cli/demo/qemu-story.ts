import { constants } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  GuestAgent,
  GuestError,
  guestAppend,
  launchVm,
  type QemuMachine,
  type VirtualMachine,
} from '../../launch/index.ts';
import { controlSockets, migrate, type Verdict } from '../../migrate/index.ts';
import { formatSize } from '../quantities.ts';
import type { Programs } from './programs.ts';
import { type FsProcess, serveFs } from './serve-fs.ts';
import type { Timeline } from './timeline.ts';

const { O_CREAT, O_RDONLY, O_RDWR } = constants;

const TAG = 'ferry';
const MOUNT = '/mnt';
const MEMORY = '256M';
const GUEST_MIB = 256;
const BEAT_MS = 5;
const FILES = 48;
const BLOCKS = 16;
const GHOST_BYTES = 24 * 2 ** 20;
const NAMES = 500;
/** `.` and `..` */
const DOTS = 2;
const SEED = 20_260;
/** How long the workload runs before and after the move. */
const BEFORE_MS = 1_500;
const AFTER_MS = 1_500;

/** Processes in the guest: one that keeps things open, one that works on files, one that tries the lock. */
const KEEPER = 1;
const WORKER = 2;
const RIVAL = 3;

/** Handles of the keeper. */
const GHOST = 0;
const LOCKED = 1;
const DIRECTORY = 2;
const FRESH = 3;
const FRESH_AGAIN = 4;

/**
 * A Linux guest under QEMU works on a Ferry file system, moves to a second QEMU with a second Ferry process, and shows
 * from inside that everything it had open is as it was.
 */
export async function tellQemuStory(
  timeline: Timeline,
  programs: Programs,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const { qemu, kernel } = programs;
  timeline.step(`QEMU ${qemu.version}, Linux ${kernel.release}, emulated processor`);
  await using here = await serveFs(folder, 'fs-a', MEMORY, signal);
  await using there = await serveFs(folder, 'fs-b', MEMORY, signal);
  await using agent = new GuestAgent();
  await using source = await start(programs, here, folder, 'source', signal);
  await agent.attach(source.agent, { child: source.process, signal });
  await agent.booted({ while: source.process.exited.then(() => source.process.failure()) });
  timeline.step('The guest has booted; its file system is served by a first Ferry process');

  const work = await beginWork(agent, timeline);
  await delay(BEFORE_MS, undefined, { signal });
  await using destination = await start(programs, there, folder, 'target', signal);
  await agent.attach(destination.agent, { child: destination.process, signal });
  timeline.step('A second QEMU waits, its file system served by a second Ferry process');

  agent.heartbeat.reset();
  const verdict = await move(timeline, source, destination, signal);
  await delay(AFTER_MS, undefined, { signal });
  await figures(timeline, verdict, there, agent);
  await prove(agent, timeline, work);
}

async function start(
  programs: Programs,
  fs: FsProcess,
  folder: string,
  name: string,
  signal: AbortSignal,
): Promise<VirtualMachine> {
  const machine: QemuMachine = {
    memory: GUEST_MIB,
    fs: [{ socket: fs.socket, tag: TAG }],
    kernel: { image: programs.kernel.image, initramfs: programs.initramfs, append: guestAppend },
  };
  const waiting = name === 'source' ? {} : { incoming: 'defer', paused: true };
  return launchVm({ qemu: programs.qemu, machine, folder, name, signal, ...waiting });
}

interface Work {
  /** The worker's report, once it is interrupted. */
  readonly churn: Promise<{ operations: number; bytes: number; errors: number; first: string }>;
  /** The part of the directory that was read before the move. */
  readonly seen: readonly string[];
}

/** Open what the guest is to keep open through the move, and set the worker off. */
async function beginWork(agent: GuestAgent, timeline: Timeline): Promise<Work> {
  await agent.call('mount', ['virtiofs', TAG, MOUNT]);
  await agent.call('open', [GHOST, `${MOUNT}/ghost`, O_RDWR | O_CREAT, 0o600]);
  await agent.call('fill', [GHOST, 0, GHOST_BYTES, SEED]);
  await agent.call('unlink', [`${MOUNT}/ghost`]);
  await agent.call('open', [LOCKED, `${MOUNT}/locked`, O_RDWR | O_CREAT, 0o600]);
  await agent.call('setlk', [LOCKED, 'write', 0, 100]);
  await agent.call('mkdir', [`${MOUNT}/many`]);
  await agent.call('openmany', [100, NAMES, `${MOUNT}/many/`, O_CREAT | O_RDWR, 0o600]);
  await agent.call('closemany', [100, NAMES]);
  await agent.call('opendir', [DIRECTORY, `${MOUNT}/many`]);
  const { entries } = await agent.call('readdir', [DIRECTORY]);
  await agent.call('mkdir', [`${MOUNT}/work`]);
  const churn = agent.call('churn', [`${MOUNT}/work`, FILES, BLOCKS, SEED], {
    actor: WORKER,
    deadline: 120_000,
  });
  churn.catch(() => undefined); // Awaited in the end; a failure before that is told there
  await agent.beatEvery(BEAT_MS);
  timeline.step(
    `In the guest: ${FILES} files open (half of them deleted), each byte read is checked; a deleted file of ${formatSize(GHOST_BYTES)}; a lock; a half-read directory`,
  );
  return { churn, seen: entries.map(({ name }) => name) };
}

async function move(
  timeline: Timeline,
  source: VirtualMachine,
  destination: VirtualMachine,
  signal: AbortSignal,
): Promise<Verdict> {
  const verdict = await migrate({
    source: source.qmp,
    destination: destination.qmp,
    signal,
    onEvent: (event) => {
      if (event.type === 'phase' && event.phase !== 'ended') timeline.step(`ferry migrate: ${event.phase}`);
      if (event.type === 'note') timeline.step(`ferry migrate: ${event.text}`);
    },
  });
  timeline.check('the move', verdict.ok, `${verdict.outcome}: ${verdict.why}`);
  return verdict;
}

async function figures(
  timeline: Timeline,
  verdict: Verdict,
  there: FsProcess,
  agent: GuestAgent,
): Promise<void> {
  timeline.figure('the whole move', verdict.totalMs, 'ms');
  if (verdict.qemuDowntimeMs !== undefined)
    timeline.figure('downtime as QEMU reports it', verdict.qemuDowntimeMs, 'ms');
  timeline.figure(
    `longest gap between the guest's heartbeats (one every ${BEAT_MS} ms)`,
    agent.heartbeat.report().longestGap,
    'ms',
  );
  const lastTransfer = (await controlSockets.status(there.socket))?.lastTransfer;
  if (!lastTransfer) return;
  timeline.figure("the file system's state", lastTransfer.bytes, 'bytes');
  timeline.figure("the file system's state", lastTransfer.records, 'records');
}

/** Look from inside the guest at everything that it had before the move. */
async function prove(agent: GuestAgent, timeline: Timeline, { churn, seen }: Work): Promise<void> {
  await agent.interrupt(WORKER);
  const { operations, bytes, errors, first } = await churn;
  const checked = `${operations} operations, ${formatSize(bytes)} checked, ${errors} errors${first === '' ? '' : ` (${first})`}`;
  timeline.check('files that were being worked on', errors === 0 && operations > 0, checked);

  const ghost = await agent.call('check', [GHOST, 0, GHOST_BYTES, SEED], { actor: KEEPER });
  timeline.check(
    'the deleted file that was open',
    ghost.verdict === 'same',
    `${formatSize(GHOST_BYTES)} ${ghost.verdict}`,
  );

  await agent.call('open', [LOCKED, `${MOUNT}/locked`, O_RDWR], { actor: RIVAL });
  timeline.check('the lock', await isLocked(agent), 'another process is refused, as before');

  const { names, twice } = await readOn(agent, seen);
  const found = `${names} of ${NAMES + DOTS} names, ${twice} of them twice`;
  timeline.check('the half-read directory', names === NAMES + DOTS && twice === 0, found);

  await agent.call('open', [FRESH, `${MOUNT}/after`, O_RDWR | O_CREAT, 0o600]);
  await agent.call('fill', [FRESH, 0, 2 ** 20, SEED + 1]);
  await agent.call('open', [FRESH_AGAIN, `${MOUNT}/after`, O_RDONLY]);
  const fresh = await agent.call('check', [FRESH_AGAIN, 0, 2 ** 20, SEED + 1]);
  timeline.check('a new file', fresh.verdict === 'same', 'written and read back');
}

async function isLocked(agent: GuestAgent): Promise<boolean> {
  try {
    await agent.call('setlk', [LOCKED, 'write', 50, 10], { actor: RIVAL });
    return false;
  } catch (error) {
    if (error instanceof GuestError && (error.errnoName === 'EAGAIN' || error.errnoName === 'EACCES'))
      return true;
    throw error;
  }
}

/** Read the keeper's directory on from where it stood: with what was read before, every name has to come once. */
async function readOn(agent: GuestAgent, seen: readonly string[]): Promise<{ names: number; twice: number }> {
  const all = [...seen];
  for (;;) {
    const { entries } = await agent.call('readdir', [DIRECTORY]);
    if (entries.length === 0) break;
    all.push(...entries.map(({ name }) => name));
  }
  const names = new Set(all);
  return { names: names.size, twice: all.length - names.size };
}
