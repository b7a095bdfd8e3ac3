/** Ring the bell that idle channels sleep on: something can be sent. Its memory is one counter that whoever sleeps has seen. */
export function ringBell(bell: Int32Array<SharedArrayBuffer>): void {
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
}
