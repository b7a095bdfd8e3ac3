import { FerryError } from '../errors.ts';

/**
 * A virtqueue or descriptor chain that breaks the rules of virtio (1.2, sections 2.7 and 2.8). The queue it came
 * from is broken until it is started anew; `descriptor` is the index of the descriptor at fault, where there is one.
 */
export class VirtqueueError extends FerryError {
  readonly descriptor: number | undefined;

  constructor(code: string, message: string, descriptor?: number) {
    super(code, descriptor === undefined ? message : `Descriptor ${descriptor}: ${message}`);
    this.descriptor = descriptor;
  }
}
