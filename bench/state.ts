import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { FuseClient, ROOT_NODE } from '../src/fuse/index.ts';
import { FuseSession } from '../src/machine/index.ts';
import { createPipe, readInto, writeFrom } from '../src/sys/index.ts';
import { serveFerry } from './back-ends.ts';
import { median, type Row, row } from './report.ts';

const MIB = 1 << 20;
const CONTENTS = 512;
const ROUNDS = 5;
const O_RDWR = 2;

/** MiB per second of a pipe between two processes, `dd` at the other end, with pieces of 1 MiB. */
async function rawPipe(direction: 'save' | 'load'): Promise<number> {
  using pipe = new Pipe(direction);
  const stdio: ('ignore' | number)[] = ['ignore', 'ignore', 'ignore'];
  stdio[direction === 'save' ? 1 : 0] = pipe.theirs;
  const words =
    direction === 'save' ? ['if=/dev/zero', `count=${CONTENTS}`] : ['of=/dev/null', 'iflag=fullblock'];
  const child = spawn('taskset', ['-c', '1', 'dd', 'bs=1M', 'status=none', ...words], { stdio });
  await once(child, 'spawn');
  pipe.closeTheirs();
  const buffer = new Uint8Array(MIB);
  let moved = 0;
  const start = performance.now();
  if (direction === 'save') for (let n = -1; n !== 0; moved += n) n = readInto(pipe.ours, buffer);
  else
    while (moved < CONTENTS * MIB) moved += writeFrom(pipe.ours, buffer.subarray(0, CONTENTS * MIB - moved));
  const seconds = (performance.now() - start) / 1000;
  const exited = once(child, 'exit');
  pipe.closeOurs();
  await exited;
  return moved / MIB / seconds;
}

/** A pipe of which we keep one end and a child gets the other. */
class Pipe implements Disposable {
  readonly #ends: ReturnType<typeof createPipe>;
  readonly #direction: 'save' | 'load';

  constructor(direction: 'save' | 'load') {
    this.#direction = direction;
    this.#ends = createPipe('raw pipe');
  }

  get ours() {
    return this.#direction === 'save' ? this.#ends.read : this.#ends.write;
  }

  get theirs(): number {
    return (this.#direction === 'save' ? this.#ends.write : this.#ends.read).number;
  }

  closeTheirs(): void {
    (this.#direction === 'save' ? this.#ends.write : this.#ends.read)[Symbol.dispose]();
  }

  closeOurs(): void {
    this.ours[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#ends.read[Symbol.dispose]();
    this.#ends.write[Symbol.dispose]();
  }
}

/** MiB per second of SAVE and LOAD with 512 MiB of file contents, the raw pipe beside them in every round. */
export async function stateRows(wanted: (name: string) => boolean, onRow: (row: Row) => void): Promise<void> {
  if (!wanted('state/SAVE') && !wanted('state/LOAD')) return;
  await using backEnd = await serveFerry(['fs', '--memory', '2G']);
  using session = new FuseSession();
  session.adopt(session.prepareBackEnd(backEnd.socket));
  session.start();
  const client = new FuseClient(session.transport);
  client.init();
  const { entry, handle } = client.create(ROOT_NODE, 'contents', O_RDWR, 0o644);
  const data = new Uint8Array(MIB).map((_, i) => i * 7);
  for (let at = 0; at < CONTENTS; at++) client.write(entry.node, handle, at * MIB, data);
  session.stop();

  const figures = {
    save: [] as number[],
    load: [] as number[],
    rawSave: [] as number[],
    rawLoad: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round++) {
    const pieces: Uint8Array[] = [];
    session.frontEnd.saveState((piece) => pieces.push(piece.slice()));
    figures.save.push(timed(() => session.frontEnd.saveState(() => undefined)));
    figures.load.push(timed(() => session.frontEnd.loadState(pieces)));
    figures.rawSave.push(await rawPipe('save'));
    figures.rawLoad.push(await rawPipe('load'));
  }
  const variant = `${CONTENTS} MiB of contents`;
  if (wanted('state/SAVE'))
    onRow(
      row('state/SAVE', variant, 'MiB/s', median(figures.save), {
        name: 'raw pipe',
        value: median(figures.rawSave),
      }),
    );
  if (wanted('state/LOAD'))
    onRow(
      row('state/LOAD', variant, 'MiB/s', median(figures.load), {
        name: 'raw pipe',
        value: median(figures.rawLoad),
      }),
    );
}

/** MiB per second of a transfer that returns its number of bytes. */
function timed(transfer: () => number): number {
  const start = performance.now();
  const bytes = transfer();
  return bytes / MIB / ((performance.now() - start) / 1000);
}
