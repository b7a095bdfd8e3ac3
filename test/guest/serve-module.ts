/** Serves the fs device that a test's own module makes, as `ferry serve fs` would: `serve-module.ts MODULE SOCKET MEMORY`. */
import { parseSize } from '../../src/cli/quantities.ts';
import { ControlServer, controlPath } from '../../src/control/index.ts';
import { serve } from '../../src/device/index.ts';

const [module = '', socketPath = '', memory = ''] = process.argv.slice(2);
await using server = await serve({
  module,
  factory: 'createFsDevice',
  options: { memory: parseSize(memory) },
  socketPath,
});
await using _control = await ControlServer.listen(controlPath(socketPath), server, {
  program: 'a test',
  version: '0',
});
await server.ended;
