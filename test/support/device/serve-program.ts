/** Serves a device as the test asks for it: `serve-program.ts JSON`. */
import { fileURLToPath } from 'node:url';
import { ControlServer, controlPath } from '../../../src/control/index.ts';
import { serve } from '../../../src/device/index.ts';

const { device, path, settings = {}, options } = JSON.parse(process.argv[2] ?? '{}');
const modules: Readonly<Record<string, string>> = {
  tally: '../../../examples/tally/device.ts',
  ballast: './ballast-device.ts',
  clumsy: './clumsy-device.ts',
  desk: './desk-device.ts',
  fs: '../../../src/devices/fs/index.ts',
  slow: './slow-device.ts',
};
const module = new URL(modules[device]!, import.meta.url);
const where = 'fd' in settings ? {} : { socketPath: path };
try {
  await using server = await serve({ module, options, ...where, ...settings });
  await using _control = await ControlServer.listen(controlPath(path), server, {
    program: fileURLToPath(import.meta.url),
    version: '0',
  });
  await server.ended;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
