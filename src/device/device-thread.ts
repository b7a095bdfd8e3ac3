/**
 * Entry of the worker thread that a device lives on. Once it serves, this thread never returns to its event loop until
 * the end: whatever concerns it goes through the poll loop.
 */
import { once } from 'node:events';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { asError, FerryError } from '../errors.ts';
import { drainEventfd, Fd } from '../sys/index.ts';
import type { Device } from './device.ts';
import { DeviceLoop } from './device-loop.ts';
import { DeviceError } from './errors.ts';
import type { ThreadMessage, ThreadPlace, ThreadRequest, ThreadStart } from './thread-messages.ts';

type Received = { readonly message: { readonly id: number; readonly request: ThreadRequest } };

const start = workerData as ThreadStart;

function send(message: ThreadMessage): void {
  start.port.postMessage(message);
}

/** The author's module cannot be known to the compiler: what it exports is looked at here. */
async function makeDevice(): Promise<Device> {
  const exported: unknown = await import(start.module);
  const factory: unknown = Reflect.get(Object(exported), start.factory);
  if (typeof factory !== 'function')
    throw new DeviceError('ERR_DEVICE', `${start.module} exports no function ${start.factory}`);
  const device: unknown = factory(start.options);
  for (const method of ['handle', 'save', 'load'])
    if (typeof Reflect.get(Object(device), method) !== 'function')
      throw new DeviceError('ERR_DEVICE', `What ${start.factory} of ${start.module} makes has no ${method}`);
  return device as Device;
}

function serveRequest(loop: DeviceLoop, request: ThreadRequest): unknown {
  const { instance } = loop;
  switch (request.method) {
    case 'status':
      return instance.status;
    case 'abort':
      return instance.abortTransfer(request.reason);
    case 'fence':
      instance.fence(request.epoch);
      return true;
    case 'release':
      return instance.release();
    case 'resize':
      return instance.resize();
    case 'migration':
      return instance.parameters.details;
    case 'set-parameter':
      return instance.setParameter(request.name, request.value);
    case 'freeze':
      instance.parameters.freeze(request.digest, request.seconds);
      return true;
    case 'thaw':
      return instance.parameters.thaw();
    case 'stop':
      instance.abortTransfer('the process ends');
      loop.stop();
      return true;
  }
}

function serveRequests(loop: DeviceLoop): void {
  for (;;) {
    const received = receiveMessageOnPort(start.port) as Received | undefined;
    if (received === undefined) return;
    const { id, request } = received.message;
    try {
      send({ kind: 'answer', id, value: serveRequest(loop, request) });
    } catch (error) {
      if (!(error instanceof FerryError)) throw error;
      send({ kind: 'refusal', id, code: error.code, message: error.message });
    }
  }
}

/** Ask for the socket of a device that is there, so that nobody finds a socket without one. */
async function askForPlace(device: string): Promise<ThreadPlace> {
  const answered = once(start.port, 'message');
  send({ kind: 'made', device });
  const [place] = (await answered) as [ThreadPlace];
  start.port.removeAllListeners('message');
  return place;
}

let device: string | undefined;
using control = new Fd(start.control, 'control');
try {
  const made = await makeDevice();
  device = made.identity.name;
  const { kind, number } = await askForPlace(device);
  const socket = new Fd(number, 'front end');
  using loop = new DeviceLoop(made, { kind, socket }, start.settings, (message) =>
    send({ kind: 'log', message }),
  );
  using _watch = loop.watch('control', control, () => {
    drainEventfd(control.number);
    serveRequests(loop);
  });
  send({ kind: 'ready' });
  loop.run();
} catch (error) {
  const { message, stack = message } = asError(error);
  // The author of the device looks for the place; a refusal by name needs none
  send(
    error instanceof FerryError
      ? { kind: 'failed', device, code: error.code, message }
      : { kind: 'failed', device, code: 'ERR_DEVICE', message: stack },
  );
} finally {
  start.port.close();
}
