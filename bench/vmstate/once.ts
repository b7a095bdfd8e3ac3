/** A process that compares two dumps and says what it found: `node once.ts SOURCE DESTINATION`. */
import { readFileSync } from 'node:fs';
import { compareDumps, decodeDump } from '../../src/vmstate/index.ts';

const [source = '', destination = ''] = process.argv.slice(2);
for (const { message } of compareDumps(
  decodeDump(readFileSync(source)),
  decodeDump(readFileSync(destination)),
))
  process.stdout.write(`${message}\n`);
