/** A program that exits while its channels are blocked: in a read, on the bell. */
import { Channels, socketConnection } from '../../../src/engine/channels/index.ts';
import { createSocketPair } from '../../../src/sys/index.ts';
import { Parcels } from './parcels.ts';

for (const direction of ['send', 'receive'] as const) {
  const [near] = createSocketPair(direction);
  await Channels.start({
    direction,
    connections: [socketConnection(near, 'nobody')],
    kinds: [new Parcels().kind],
    extended: false,
    checksum: false,
  });
}
process.exit(7);
