/** A program in QEMU's place that does one thing wrong: `fake-qemu.ts FOLDER MODE …`. Its pid becomes a file of FOLDER. */
import { truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [, , folder = '', mode = '', ...args] = process.argv;
writeFileSync(join(folder, String(process.pid)), '');
const dump = args[args.indexOf('-dump-vmstate') + 1];

if (mode === 'ends') {
  process.stderr.write('qemu: no such option\n');
  process.exit(1);
} else if (mode === 'floods') setInterval(() => process.stdout.write('rubbish\n'.repeat(10_000)), 1);
else if (args.includes('-dump-vmstate')) writeDump(dump ?? '');
else serve();

function writeDump(file: string): void {
  if (mode === 'dump-hangs') setInterval(() => undefined, 1000);
  else if (mode === 'dump-rubbish') writeFileSync(file, 'no JSON');
  else if (mode === 'dump-huge') {
    writeFileSync(file, '');
    truncateSync(file, 17 * 1024 * 1024);
  } else if (mode !== 'dump-missing') writeFileSync(file, '{"vmschkmachine": {"Name": "none"}}');
}

function serve(): void {
  const path = /^unix:(.+),server=on,wait=off$/.exec(args[args.indexOf('-qmp') + 1] ?? '')?.[1];
  if (mode === 'no-monitor') setInterval(() => undefined, 1000);
  else createServer(talk).listen(path);
}

function talk(socket: Socket): void {
  socket.on('error', () => process.exit(0));
  if (mode === 'silent') return;
  if (mode === 'rubbish') socket.write('hello\n');
  else if (mode === 'endless') setInterval(() => socket.write(' '.repeat(1 << 20)), 1);
  else
    socket.write(
      '{"QMP": {"version": {"qemu": {"major": 99, "minor": 0, "micro": 0}, "package": ""}, "capabilities": []}}\n',
    );
  createInterface({ input: socket }).on('line', (line) => {
    const { execute, id } = JSON.parse(line) as { execute: string; id: string };
    if (mode === 'closes' && execute === 'query-machines') process.exit(0);
    if (mode === 'deaf' && execute !== 'qmp_capabilities') return;
    socket.write(`${JSON.stringify({ return: answer(execute), id })}\n`);
  });
}

function answer(command: string): unknown {
  const machine = (name: string) => ({ name, 'cpu-max': 1, deprecated: false, 'hotpluggable-cpus': false });
  switch (command) {
    case 'query-target':
      return mode === 'shapes' ? { arch: 7 } : { arch: 'x86_64' };
    case 'query-machines':
      if (mode === 'many-machines')
        return Array.from({ length: 1025 }, (_, index) => machine(`m-${index}.0`));
      return mode === 'deep' ? [machine('pc-1.0')] : [machine('none')];
    case 'qom-list':
      return mode === 'deep' ? [{ name: 'more', type: 'child<container>' }] : [];
    case 'query-cpu-definitions':
      return mode === 'many-cpus'
        ? Array.from({ length: 2049 }, (_, i) => ({
            name: `c${i}`,
            typename: `c${i}-cpu`,
            static: false,
            deprecated: false,
          }))
        : [];
    case 'qom-list-types':
      if (mode === 'many-properties')
        return Array.from({ length: 60 }, (_, index) => ({ name: `d${index}` }));
      return mode === 'loop'
        ? [
            { name: 'a', parent: 'b' },
            { name: 'b', parent: 'a' },
          ]
        : [];
    case 'device-list-properties':
      return mode === 'many-properties'
        ? Array.from({ length: 10_000 }, (_, index) => ({ name: `p${index}`, type: 'bool' }))
        : [];
    default:
      return {};
  }
}
