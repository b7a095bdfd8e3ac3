import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { receiveMachine } from '../../engine/transfer/index.ts';
import { DIGEST_BYTES, destinationOf, SyntheticMachine } from '../../machine/index.ts';
import { ExitCode } from '../exit-codes.ts';
import { Interrupt } from '../interrupt.ts';
import type { DestinationMessage } from './machine-messages.ts';
import { addMachineOptions, type MachineOptions, machinePlan, tlsFiles } from './machine-options.ts';
import { TransferWatch } from './machine-watch.ts';
import { peakResident } from './resident.ts';

/** Digests that one message carries: lines stay short. */
const DIGESTS_A_LINE = 128;

interface Flags extends MachineOptions {
  readonly uuid: string;
  readonly listen: string;
  readonly work: string;
}

/** The other process of the demonstration: it is not meant for people, and its output is for the one that started it. */
export function addDemoDestinationCommand(program: Command): void {
  const command = program.command('demo-destination');
  addMachineOptions(command)
    .addOption(new Option('--uuid <hex>').makeOptionMandatory())
    .addOption(new Option('--listen <uri>').makeOptionMandatory())
    .addOption(new Option('--work <ms>').makeOptionMandatory())
    .action(async (flags: Flags) => {
      process.exitCode = await receive(flags);
    });
}

async function receive(flags: Flags): Promise<number> {
  using interrupt = new Interrupt((name) => process.stderr.write(`${name}: ending\n`));
  const signal = interrupt.cancel;
  await using machine = await SyntheticMachine.create(machinePlan(flags, Buffer.from(flags.uuid, 'hex')));
  const watch = new TransferWatch();
  const outcome = await receiveMachine(destinationOf(machine), {
    at: flags.listen,
    ...tlsFiles(flags, 'server'),
    signal,
    onEvent: (event) => {
      watch.see(event);
      if (event.type === 'listening') say({ type: 'listening', uri: event.uri });
    },
  });
  say({
    type: 'received',
    outcome: outcome.outcome,
    why: outcome.why ?? '',
    budgetBytes: outcome.budgetBytes,
    residentBytes: watch.residentBytes,
    devices: outcome.devices.map(({ instance }) => {
      const ms = machine.moved.get(instance)?.ms;
      return { queued: watch.queued.get(instance) ?? 0, ...(ms !== undefined && { ms }) };
    }),
  });
  if (outcome.outcome !== 'completed') return ExitCode.failed;
  // The guest is awake. The first thing that it does here is to look at all it has
  for (const [name, digests] of await machine.memoryDigests()) sayDigests(name, digests);
  for (const [i, digests] of (await machine.diskDigests()).entries()) sayDigests(`disk ${i}`, digests);
  await sayFound(machine, 'at-once');
  machine.work();
  await delay(Number(flags.work), undefined, { signal });
  await machine.pause();
  await sayFound(machine, 'later');
  say({ type: 'end', peakBytes: peakResident() });
  return ExitCode.ok;
}

async function sayFound(machine: SyntheticMachine, when: 'at-once' | 'later'): Promise<void> {
  say({ type: 'found', when, findings: await machine.look(), pagesWritten: machine.pagesWritten });
}

function sayDigests(what: string, digests: Uint8Array): void {
  const bytes = DIGESTS_A_LINE * DIGEST_BYTES;
  for (let at = 0; at < digests.length; at += bytes)
    say({
      type: 'digests',
      what,
      from: at / DIGEST_BYTES,
      digests: Buffer.from(digests.subarray(at, at + bytes)).toString('base64'),
    });
}

function say(message: DestinationMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
