/** A file system in memory that a guest mounts by virtio-fs, and that moves with the guest. */
export { createFsDevice } from './create.ts';
export { FsDevice, type FsDeviceSettings } from './device.ts';
export { type FsOptions, fsOptions } from './options.ts';
