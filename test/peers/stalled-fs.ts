/**
 * The fs device with a fault: in a transfer of its state that once had to wait for its channel, the channel is never ready
 * again. The device is alive all the same, and hears its control socket.
 */
import { PollSet } from '../../src/sys/index.ts';

const { wait } = PollSet.prototype;

PollSet.prototype.wait = function (milliseconds) {
  const ready = wait.call(this, milliseconds);
  // A transfer watches its channel alone, in a set of one
  return this.capacity === 1 ? 0 : ready;
};

export { createFsDevice } from '../../src/devices/fs/index.ts';
