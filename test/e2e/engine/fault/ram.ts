/** Bytes of RAM of the machines that faults happen to. */
export const RAM = 8 << 20;
