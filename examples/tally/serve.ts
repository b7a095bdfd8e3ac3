/** Serves the tally: `node serve.ts /run/tally.sock`. SIGTERM ends it. */
import { serve } from 'ferry/device';

const [socketPath] = process.argv.slice(2);
if (socketPath === undefined) throw new Error('Usage: serve.ts SOCKET-PATH');
await using server = await serve({ module: new URL('./device.ts', import.meta.url), socketPath });
process.stderr.write(`${server.device} is ready at ${socketPath}\n`);
await server.ended;
