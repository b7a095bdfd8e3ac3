import type { TransferEvent } from '../../engine/transfer/index.ts';

/** What is remembered of a transfer's events: the highest of what goes up and down. */
export class TransferWatch {
  /** Most that the process had resident without its machine's memory, in bytes, and most that the engine may use. */
  residentBytes = 0;
  budgetBytes = 0;
  /** By the instance of a device: most of its buffers that waited. */
  readonly queued = new Map<number, number>();

  see(event: TransferEvent): void {
    if (event.type === 'opened') this.budgetBytes = Math.max(this.budgetBytes, event.budgetBytes);
    if (event.type !== 'progress') return;
    this.residentBytes = Math.max(this.residentBytes, event.residentBytes);
    this.budgetBytes = Math.max(this.budgetBytes, event.budgetBytes);
    for (const { instance, queued } of event.devices)
      this.queued.set(instance, Math.max(queued, this.queued.get(instance) ?? 0));
  }
}
