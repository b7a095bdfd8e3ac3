import { asError, DeadlineError } from '../../../errors.ts';
import { TlsContext } from '../../../sys/index.ts';
import { endpointText, type Listener, listen, parseEndpoint } from '../../channels/index.ts';
import { describeEnding, type Ending } from '../ending.ts';
import { TransferError } from '../errors.ts';
import type { DestinationMachine } from '../machine.ts';
import type { ReceiveOptions } from '../options.ts';
import type { DeviceOutcome, Outcome } from '../outcome.ts';
import { within } from '../wait.ts';
import { answer } from './answer.ts';
import { Destination, type Intake } from './destination.ts';
import { discard } from './discard.ts';
import { takeIn } from './take-in.ts';

/**
 * Receive one machine from another process, or from a folder, and start it. Resolves when the outcome is certain and everything
 * that was held is given back. Rejects only for options that cannot be (`ERR_TRANSFER_OPTIONS`, `ERR_ENDPOINT`) and places
 * where one cannot listen, before anything is done.
 */
export async function receiveMachine(machine: DestinationMachine, options: ReceiveOptions): Promise<Outcome> {
  const { at, listener } = options;
  if ((at === undefined) === (listener === undefined))
    throw new TransferError(
      'ERR_TRANSFER_OPTIONS',
      'Exactly one of at and listener says where the machine comes from',
    );
  if (listener !== undefined) return receiveOn(machine, options, listener);
  using tls = options.tls === undefined ? undefined : new TlsContext(options.tls);
  await using own = await listen(parseEndpoint(at!), { tls });
  return await receiveOn(machine, options, own);
}

async function receiveOn(
  machine: DestinationMachine,
  options: ReceiveOptions,
  listener: Listener,
): Promise<Outcome> {
  const { endpoint, isFile } = listener;
  if (!endpoint.extended && !isFile)
    throw new TransferError(
      'ERR_TRANSFER_OPTIONS',
      `${endpointText(endpoint)} is not for a transfer: expected ferry+tcp:, ferry+tls:, ferry+unix: or file:`,
    );
  const destination = new Destination(machine, options, listener);
  let ending: Ending;
  try {
    ending = await walk(destination);
  } catch (error) {
    ending = await discard(destination, error);
  }
  const quarantined = await windUp(destination);
  return outcomeOf(destination, ending, quarantined);
}

async function walk(destination: Destination): Promise<Ending> {
  const { course, listener, oneWay } = destination;
  course.signal.throwIfAborted();
  course.emit({ type: 'listening', uri: endpointText(listener.endpoint) });
  const intake = await answer(destination);
  await takeIn(destination, intake);
  intake.arrivals!.close();
  await endChannels(destination, intake);
  course.enter('ready');
  if (!oneWay) {
    course.say({ kind: 'loaded' });
    await course.next('The source’s word that the machine may start', course.timings.startMs, 'commit');
  }
  course.enter('start');
  return start(destination);
}

/** The machine is this end's now, whatever becomes of the source. */
async function start(destination: Destination): Promise<Ending> {
  const { course, machine } = destination;
  const { timings } = course;
  course.link!.mayEnd();
  try {
    await within(machine.start(), { what: 'The start of the machine', ms: timings.startMs });
  } catch (error) {
    if (error instanceof DeadlineError) return neverKnown(destination, error);
    throw new TransferError('ERR_MACHINE', `The machine could not be started: ${asError(error).message}`, {
      cause: error,
    });
  }
  course.say({ kind: 'started' });
  course.enter('ended');
  return { outcome: 'completed', machineAt: 'destination' };
}

/** It may start yet. The source is told nothing, and comes to the same end by its own deadline. */
function neverKnown({ course }: Destination, error: DeadlineError): Ending {
  course.fail(error);
  course.enter('ended');
  return { outcome: 'unknown', machineAt: 'unknown', cause: course.cause!, more: 'it may start yet' };
}

/**
 * No thread may write to the machine's memory once it runs: all of them end while the source can still go on. Files must end
 * where the machine ends; how channels end from which everything has come is of no interest to anybody.
 */
async function endChannels({ course, oneWay }: Destination, { channels }: Intake): Promise<void> {
  if (oneWay) await channels!.finish({ deadline: course.timings.endMs });
  await channels![Symbol.asyncDispose]();
}

/** Give everything back. Returns what does not return, whose memory is kept. */
async function windUp({ course, intake, threads }: Destination): Promise<string[]> {
  const { endMs } = course.timings;
  intake?.report?.[Symbol.dispose]();
  intake?.slots?.cancel();
  await intake?.arrivals?.[Symbol.asyncDispose]();
  await intake?.channels?.[Symbol.asyncDispose]();
  await threads[Symbol.asyncDispose]();
  const stuck = (await intake?.loads.settle(endMs)) ?? [];
  if ((await intake?.pool?.end()) === false) {
    stuck.push('decompression');
    intake?.slots?.quarantine();
  }
  intake?.loads.whenReturned(() => intake.slots?.[Symbol.dispose]());
  // What goes on beside the walk ends with the signal
  course.stop({
    outcome: 'cancelled',
    error: new TransferError('ERR_CANCELLED', 'It is over'),
    from: 'here',
  });
  await course.link?.close(endMs);
  course[Symbol.dispose]();
  return stuck;
}

function outcomeOf({ course, intake }: Destination, ending: Ending, quarantined: readonly string[]): Outcome {
  const devices = (intake?.devices ?? []).map(({ idstr, instance }, device): DeviceOutcome => {
    const ms = intake!.loads.msOf(device);
    const { bytes } = intake!.slots!.device(device);
    return { idstr, instance, bytes, ...(ms === undefined ? {} : { ms }) };
  });
  return {
    ...describeEnding(ending),
    passes: Math.max(0, (intake?.barriers ?? 0) - 1),
    bytes: intake?.bytes ?? 0,
    totalMs: Math.round(course.elapsedMs),
    phases: course.log.times,
    devices,
    budgetBytes: intake?.budgetBytes ?? 0,
    quarantined,
  };
}
