/** A file system in memory, or a directory of the host, that a guest mounts by virtio-fs, and that moves with the guest. */
export { fsConfig } from './config.ts';
export { createFsDevice } from './create.ts';
export { FsDevice } from './device.ts';
export { createDirectoryFsDevice } from './directory/create.ts';
export { DirectoryFsDevice } from './directory/device.ts';
export { type DirectoryFsOptions, directoryFsOptions } from './directory/options.ts';
export { type CommonOptions, type FsOptions, fsOptions } from './options.ts';
export { FS_MODEL, FS_OFFER, type FsGiven, fsOffer, fsOptionsOf } from './parameters.ts';
export { type FsBacking, FUSE_FEATURES } from './serving/features.ts';
export type { FsDeviceSettings } from './serving/fuse-device.ts';
