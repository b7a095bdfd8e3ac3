/** Where migration info documents come from, and making a device in sysfs what a list says. */
export { type CacheOptions, DocumentCache } from './cache.ts';
export {
  DESCRIPTOR_TYPES,
  type DescribedDocument,
  type Descriptor,
  type Descriptors,
  type DescriptorType,
  decodeDescriptor,
  descriptorFolders,
  findDescriptors,
  readDescriptors,
} from './descriptors.ts';
export { type DiscoverOptions, discover, findDocument, type Where } from './discover.ts';
export { DiscoverError, type DiscoverErrorCode, DocumentError } from './errors.ts';
export type { Discovered, Found, InEffect, Origin } from './found.ts';
export { type InventoryEntry, type InventoryOptions, readInventory } from './inventory.ts';
export { type Argv, type Checked, checkProgram, type ProgramOptions, prove } from './program.ts';
export { type Applied, type ApplyOptions, applySysfs } from './sysfs/apply.ts';
export { ApplyError, type ApplyErrorCode, type AttributeWrite } from './sysfs/apply-error.ts';
export { type AttributeFiles, HOST_ATTRIBUTES } from './sysfs/files.ts';
export { readParent, type SysfsEntry } from './sysfs/tree.ts';
