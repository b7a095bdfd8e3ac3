import assert from 'node:assert/strict';
import type { Peer, VirtualMachine } from '../../src/launch/index.ts';
import { migrate, type Verdict } from '../../src/migrate/index.ts';
import { type EventSubscription, QmpClient } from '../../src/qmp/index.ts';
import type { FerryProcess } from './ferry.ts';
import { type Guest, startDestination } from './guest.ts';

/**
 * Moves a guest from where it runs to a new machine of `qemu` with the devices of `ferry`, as `ferry migrate` does, and
 * ends the machine that it has left, so that its devices may be taken again.
 */
export async function moveGuest(guest: Guest, qemu: Peer, ferry: FerryProcess): Promise<Verdict> {
  const source = currentMachine(guest);
  const destination = await startDestination(guest, { qemu, fs: [ferry.fs] });
  const verdict = await migrate({ source: source.qmp, destination: destination.qmp });
  assert.equal(verdict.outcome, 'moved', verdict.why);
  const { lastTransfer } = await ferry.status();
  assert.equal(lastTransfer?.direction, 'load');
  assert.equal(lastTransfer.outcome, 'ok');
  await source[Symbol.asyncDispose]();
  return verdict;
}

/** The machine that was started last for this guest. */
export function currentMachine(guest: Guest): VirtualMachine {
  return guest.machines.at(-1)!;
}

/** Has QEMU write a stopped copy of its guest to `uri`, or read one from there, and waits for the end of it. */
export async function transferState(
  machine: VirtualMachine,
  way: 'save' | 'load',
  uri: string,
): Promise<void> {
  await using client = await QmpClient.connect(machine.qmp);
  await client.execute('migrate-set-capabilities', {
    capabilities: [
      { capability: 'events', state: true },
      // Left from a move that brought the guest here; a file says nothing back
      { capability: 'return-path', state: false },
      { capability: 'pause-before-switchover', state: false },
    ],
  });
  using events = client.events(['MIGRATION']);
  await client.execute(way === 'save' ? 'migrate' : 'migrate-incoming', { uri });
  await completed(events);
}

async function completed(events: EventSubscription<'MIGRATION'>): Promise<void> {
  for await (const { data } of events) {
    assert.notEqual(data.status, 'failed');
    if (data.status === 'completed') return;
  }
}
