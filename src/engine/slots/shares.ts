/**
 * How many of `slots` each of `devices` may have at most: an equal share for all, not above `perDevice`, where what one does
 * not need is there for the others. A device may then have the lesser of this share and what it needs, and all of that
 * together is never more than `slots`. As long as needs only fall, the share only grows.
 *
 * `needs[at + device * stride]` is what a device can still make use of; below 0: any number.
 */
export function shareFor(
  needs: Int32Array,
  at: number,
  stride: number,
  devices: number,
  slots: number,
  perDevice: number,
): number {
  let share = Math.min(perDevice, Math.floor(slots / devices));
  for (;;) {
    let left = slots;
    let wanting = devices;
    for (let d = 0; d < devices; d++) {
      const need = needs[at + d * stride]!;
      if (need < 0 || need > share) continue;
      left -= need;
      wanting--;
    }
    const grown = wanting === 0 ? perDevice : Math.min(perDevice, Math.floor(left / wanting));
    if (grown === share) return share;
    share = grown;
  }
}
