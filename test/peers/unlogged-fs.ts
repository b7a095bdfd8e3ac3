/**
 * The fs device with a fault: what it writes to the guest's memory is not logged. The log is silenced in the one process,
 * or thread, that loads this module.
 */
import { DirtyLog } from '../../src/memory/index.ts';

DirtyLog.prototype.mark = () => undefined;

export { createFsDevice } from '../../src/devices/fs/index.ts';
