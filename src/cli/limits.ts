/** Bytes of a file that holds a migration parameter list, as text or as JSON. */
export const MAX_LIST_FILE = 4_194_304;
