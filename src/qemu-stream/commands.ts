import { StreamError } from './errors.ts';

/**
 * The commands of the stream by their number: the bytes of data that each has, `undefined` where it says so itself, and
 * why those that are not taken are not.
 */
const COMMANDS = {
  OPEN_RETURN_PATH: { id: 1, length: 0 },
  PING: { id: 2, length: 4 },
  POSTCOPY_ADVISE: { id: 3, refused: 'postcopy is on at the source' },
  POSTCOPY_LISTEN: { id: 4, refused: 'postcopy is on at the source' },
  POSTCOPY_RUN: { id: 5, refused: 'postcopy is on at the source' },
  POSTCOPY_RAM_DISCARD: { id: 6, refused: 'postcopy is on at the source' },
  PACKAGED: { id: 7, refused: 'postcopy is on at the source' },
  ENABLE_COLO: { id: 8, refused: 'COLO is on at the source' },
  POSTCOPY_RESUME: { id: 9, refused: 'a postcopy migration cannot be taken up here' },
  RECV_BITMAP: { id: 10, refused: 'a postcopy migration cannot be taken up here' },
  SWITCHOVER_START: { id: 11, length: 0 },
} as const;

type AnyCommand = keyof typeof COMMANDS;

/** The commands that are taken. */
export type CommandName = {
  [K in AnyCommand]: (typeof COMMANDS)[K] extends { readonly length: number } ? K : never;
}[AnyCommand];

const byId: ReadonlyMap<number, AnyCommand> = new Map(
  (Object.keys(COMMANDS) as AnyCommand[]).map((name) => [COMMANDS[name].id, name]),
);

/** Which command `id` with `length` bytes of data is. Throws where it is none, or none that is taken. */
export function commandOf(id: number, length: number, offset: number): CommandName {
  const name = byId.get(id);
  if (name === undefined)
    throw new StreamError('ERR_QEMU_COMMAND', 'command', `${id} is no command that is known`, offset);
  if (!isTaken(name)) {
    const entry = COMMANDS[name];
    const why = 'refused' in entry ? entry.refused : '';
    throw new StreamError('ERR_QEMU_UNSUPPORTED', name, `is not taken: ${why}`, offset);
  }
  const expected = COMMANDS[name].length;
  if (length !== expected)
    throw new StreamError(
      'ERR_QEMU_COMMAND',
      name,
      `${length} bytes of data, the command has ${expected}`,
      offset,
    );
  return name;
}

export function commandId(name: CommandName): number {
  return COMMANDS[name].id;
}

function isTaken(name: AnyCommand): name is CommandName {
  return 'length' in COMMANDS[name];
}
