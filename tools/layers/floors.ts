/**
 * The house: a room may import only from rooms on lower floors. `src/errors.ts` is for everyone and belongs to no floor.
 * A room is a folder under `src/`; a folder whose rooms are its sub-folders (`devices/fs`) is written with the path.
 */
export const floors: readonly (readonly string[])[] = [
  ['sys', 'wire'],
  ['memory', 'compat', 'vmstate'],
  ['state'],
  ['virtio', 'fuse'],
  ['vhost-user', 'vfio-user', 'engine/*', 'qemu-stream', 'qmp', 'launch'],
  ['device', 'control'],
  ['machine', 'devices/*', 'discover', 'qemu-compat'],
  ['migrate', 'update', 'capture'],
  ['fleet'],
  ['cli', 'dashboard'],
];

/**
 * Rooms of one floor that build on each other: each may import from those of earlier stories alone. Channels know no kind of
 * payload, and payloads nothing of a whole transfer; a comparison of QEMU's device states gives its reasons as every
 * verdict does.
 */
export const stories: readonly (readonly string[])[] = [
  ['engine/channels', 'engine/methods', 'engine/slots', 'compat'],
  ['engine/payloads', 'vmstate'],
  ['engine/transfer'],
];

/** Modules that every room may import, as paths under `src/`. */
export const everyones: ReadonlySet<string> = new Set(['errors.ts']);

/** Packages that one room alone may import. */
export const keptPackages: ReadonlyMap<string, string> = new Map([['koffi', 'sys']]);

export interface Place {
  /** The room's path under `src/`, such as `qmp` or `devices/fs`. */
  readonly room: string;
  readonly floor: number;
  /** Where it stands among the rooms of its floor that build on each other; undefined for all others. */
  readonly story: number | undefined;
  /** The file within the room. */
  readonly file: string;
}

/** Where a file of `src/` stands, or `undefined` when no floor of the table knows its folder. */
export function placeOf(pathUnderSrc: string): Place | undefined {
  const parts = pathUnderSrc.split('/');
  for (const [floor, rooms] of floors.entries()) {
    for (const name of rooms) {
      const depth = name.endsWith('/*') ? 2 : 1;
      const known = depth === 2 ? parts[0] === name.slice(0, -2) : parts[0] === name;
      if (known && parts.length > depth) {
        const room = parts.slice(0, depth).join('/');
        return { room, floor, story: storyOf(room), file: parts.slice(depth).join('/') };
      }
    }
  }
  return undefined;
}

function storyOf(room: string): number | undefined {
  const story = stories.findIndex((rooms) => rooms.includes(room));
  return story < 0 ? undefined : story;
}
