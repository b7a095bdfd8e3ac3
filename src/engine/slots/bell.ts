/** Ring the bell that idle channels sleep on: something can be sent. Its memory is one counter that whoever sleeps has seen. */
export function ringBell(bell: SharedArrayBuffer): void {
  const words = new Int32Array(bell);
  Atomics.add(words, 0, 1);
  Atomics.notify(words, 0);
}
