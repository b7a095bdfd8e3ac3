/**
 * What this thread holds and has not given back: every descriptor and mapping enters here when it is made and leaves
 * when it is disposed of. Tests end with this empty.
 */
const live = new Map<object, string>();

/** Enter `resource` under a description such as `fd 7 (memfd guest)`. */
export function track(resource: object, description: string): void {
  live.set(resource, description);
}

/** Take `resource` out again. */
export function untrack(resource: object): void {
  live.delete(resource);
}

/** Descriptions of everything that is still held, oldest first. */
export function liveResources(): string[] {
  return [...live.values()];
}
