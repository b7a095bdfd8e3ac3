import { readFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Captured, cacheFolder, capture, choosePeer, findPeers } from '../src/launch/index.ts';
import { compareDumps, decodeDump } from '../src/vmstate/index.ts';
import { checkerScript, dumpVmstate, runChecker, runPython } from '../tools/peers/vmstate.ts';
import { median, type Row, row } from './report.ts';

const ROUNDS = 9;
/** Within one process, where what runs often is compiled. */
const REPEATS = 60;
const PEER = "QEMU's checker";
const NAMES = { process: 'vmstate/process', compare: 'vmstate/compare' };

/** Times `main()` of the checker in a Python that runs already: reading both files, comparing, printing into memory. */
const PYTHON = `
import contextlib, importlib.util, io, sys, time
script, source, destination, rounds = sys.argv[1:]
spec = importlib.util.spec_from_file_location('checker', script)
checker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(checker)
sys.argv = [script, '-s', source, '-d', destination]
for _ in range(int(rounds)):
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        checker.main()
    print((time.perf_counter() - start) * 1000)
`;

/** Milliseconds for all device state of QEMU 10.0 and 11.1, QEMU's own checker on the same two files beside it. */
export async function vmstateRows(
  wanted: (name: string) => boolean,
  onRow: (row: Row) => void,
): Promise<void> {
  if (!Object.values(NAMES).some(wanted)) return;
  await using temporary = await mkdtempDisposable(join(tmpdir(), 'ferry-bench-'));
  const cache = cacheFolder();
  const peers = await findPeers({ cache, path: '' });
  const files: string[] = [];
  for (const version of ['10.0', '11.1']) {
    const file = join(temporary.path, `${version}.json`);
    await dumpVmstate(choosePeer(peers, 'qemu-system-x86_64', { version }), 'none', file);
    files.push(file);
  }
  const [source = '', destination = ''] = files;
  const variant = 'QEMU 10.0 and 11.1';

  if (wanted(NAMES.process)) {
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await timed(() => once(source, destination)));
      theirs.push(await timed(() => runChecker(cache, source, destination)));
    }
    const peer = { name: PEER, value: median(theirs) };
    onRow(row(NAMES.process, `${variant}, with start-up`, 'ms', median(ours), peer, true));
  }
  if (wanted(NAMES.compare)) {
    const ours: number[] = [];
    for (let round = 0; round < REPEATS; round++)
      ours.push(
        await timed(async () =>
          compareDumps(decodeDump(readFileSync(source)), decodeDump(readFileSync(destination))),
        ),
      );
    const script = checkerScript(cache);
    const ended = await runPython(cache, ['-c', PYTHON, script, source, destination, String(REPEATS)]);
    if (ended.code !== 0) throw new Error(`QEMU's checker did not run: ${ended.stderr}`);
    const peer = { name: PEER, value: median(ended.stdout.trim().split('\n').map(Number)) };
    onRow(row(NAMES.compare, `${variant}, without start-up`, 'ms', median(ours), peer, true));
  }
}

function once(source: string, destination: string): Promise<Captured> {
  const program = fileURLToPath(new URL('vmstate/once.ts', import.meta.url));
  const command: [string, ...string[]] = [
    process.execPath,
    ...process.execArgv,
    program,
    source,
    destination,
  ];
  return capture(command, { deadline: 60_000 });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
