/** Locks that a guest holds and waits for while it moves, whoever keeps them. */
import assert from 'node:assert/strict';
import { type Keep, type Look, O_CREAT, O_RDWR, type OpenFile, until, type Workplace } from './workplace.ts';

/** Processes in the guest; those that wait can do nothing else. */
const HOLDER = 10;
const RIVAL = 11;

/** How the guest locks: the system calls differ, and to whom a lock belongs. */
interface Kind {
  readonly name: string;
  readonly waiter: number;
  /** Number of the system call that waits. */
  readonly call: number;
  take(place: Workplace, file: OpenFile, wait: boolean): Promise<unknown>;
  drop(place: Workplace, file: OpenFile): Promise<unknown>;
  /** What stands in the way of `file`, where it can be asked for. */
  inTheWay?(place: Workplace, file: OpenFile): Promise<{ start: number; length: number } | undefined>;
}

const FCNTL = 72;
const FLOCK = 73;
const WHOLE = [100, 50] as const;

const posix: Kind = {
  name: 'posix',
  waiter: 12,
  call: FCNTL,
  take: ({ agent }, file, wait) =>
    agent.call(wait ? 'setlkw' : 'setlk', [file.handle, 'write', ...WHOLE], patiently(file)),
  drop: ({ agent }, file) => agent.call('setlk', [file.handle, 'unlock', ...WHOLE], file),
  inTheWay: ({ agent }, file) => agent.call('getlk', [file.handle, 'write', 0, 1000], file),
};

const ofd: Kind = {
  name: 'ofd',
  waiter: 13,
  call: FCNTL,
  take: ({ agent }, file, wait) =>
    agent.call(wait ? 'ofd_setlkw' : 'ofd_setlk', [file.handle, 'write', ...WHOLE], patiently(file)),
  drop: ({ agent }, file) => agent.call('ofd_setlk', [file.handle, 'unlock', ...WHOLE], file),
  inTheWay: ({ agent }, file) => agent.call('ofd_getlk', [file.handle, 'write', 0, 1000], file),
};

const flock: Kind = {
  name: 'flock',
  waiter: 14,
  call: FLOCK,
  take: ({ agent }, file, wait) =>
    agent.call(
      'flock',
      wait ? [file.handle, 'exclusive'] : [file.handle, 'exclusive', 'nowait'],
      patiently(file),
    ),
  drop: ({ agent }, file) => agent.call('flock', [file.handle, 'unlock'], file),
};

/** The lock that is waited for comes after the next move. */
function patiently({ actor }: OpenFile): { actor: number; deadline: number } {
  return { actor, deadline: 600_000 };
}

export const locks: Record<string, Keep> = {
  'a POSIX lock, and who waits for it': (place) => hold(place, posix),
  'a lock of an open file description, and who waits for it': (place) => hold(place, ofd),
  'a flock, and who waits for it': (place) => hold(place, flock),
};

/** One process holds a lock, one waits for it, one is refused; after each move the one that waits gets it. */
async function hold(place: Workplace, kind: Kind): Promise<Look> {
  const name = `locked by ${kind.name}`;
  const open = (actor: number) => place.open(name, O_RDWR | O_CREAT, actor);
  let holding = await open(HOLDER);
  const rival = await open(RIVAL);
  const waiting = await open(kind.waiter);
  const waiter = (await place.sh('echo $PPID', kind.waiter)).trim();

  const begin = async () => {
    await kind.take(place, holding, false);
    let granted = false;
    const wait = kind.take(place, waiting, true).then(() => {
      granted = true;
    });
    wait.catch(() => undefined); // Told by whoever awaits it
    await until('Waiting for the lock', async () => {
      assert.ok(!granted, 'two hold the lock');
      const { text } = await place.agent.call('get', [`/proc/${waiter}/syscall`]);
      return text.startsWith(`${kind.call} `);
    });
    return { wait, isGranted: () => granted };
  };

  let turn = await begin();
  return async (move) => {
    await assert.rejects(kind.take(place, rival, false), { errnoName: 'EAGAIN' });
    if (kind.inTheWay) {
      const { start, length } = (await kind.inTheWay(place, rival)) ?? {};
      assert.deepEqual([start, length], [...WHOLE]);
    }
    assert.ok(!turn.isGranted(), 'the lock was lost');
    if (move % 2 === 1) await kind.drop(place, holding);
    else {
      // Whatever the kind, a lock ends with the open file
      await holding.close();
      holding = await open(HOLDER);
    }
    await until('The grant of the lock', async () => {
      await place.agent.ping();
      return turn.isGranted();
    });
    await turn.wait;
    await assert.rejects(kind.take(place, rival, false), { errnoName: 'EAGAIN' });
    await kind.drop(place, waiting);
    turn = await begin();
  };
}
