/** Names that are looked at, twice at a save at most, for files whose last known name is gone. */
export const MAX_SEARCHED_NAMES = 2 ** 20;

/** Names in all listings together that go with a state; what is beyond is left to the host's own positions. */
export const MAX_LISTED_NAMES = 2 ** 20;

/** Files that are named when several are not what they were at the source. */
export const MAX_TOLD = 10;
