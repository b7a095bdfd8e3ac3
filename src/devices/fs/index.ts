/** A file system in memory that a guest mounts by virtio-fs, and that moves with the guest. */
export { createFsDevice } from './create.ts';
export { FsDevice } from './device.ts';
export { type FsOptions, fsOptions } from './options.ts';
export type { FsDeviceSettings } from './serving/fuse-device.ts';
