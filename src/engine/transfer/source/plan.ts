import type { TlsFiles } from '../../../sys/index.ts';
import { type Endpoint, parseEndpoint } from '../../channels/index.ts';
import { RAM_PAGE_SIZE } from '../../payloads/index.ts';
import { RESERVED_SLOTS } from '../../slots/index.ts';
import { type MessageOf, VERSION } from '../control/messages.ts';
import { TransferError } from '../errors.ts';
import { DEFAULT_CHANNELS, MAX_CHANNELS } from '../limits.ts';
import type { SourceMachine } from '../machine.ts';
import type { SendOptions } from '../options.ts';
import type { PacingRule } from '../pacing.ts';

/** Slots beyond those that every device has. */
const SHARED_SLOTS = 16;

/** What will be done, decided before anything is touched. */
export interface SendPlan {
  readonly endpoint: Endpoint;
  readonly tls: TlsFiles | undefined;
  readonly tlsHost: string | undefined;
  /** Into a folder: nobody answers. */
  readonly oneWay: boolean;
  readonly proposal: MessageOf<'open'>;
  readonly level: number;
  readonly zeroPages: boolean;
  readonly pacing: PacingRule;
  readonly slots: number;
  readonly resumes: number;
}

/** Throws `ERR_TRANSFER_OPTIONS` and `ERR_ENDPOINT` for what cannot be. */
export function planSend(machine: SourceMachine, options: SendOptions): SendPlan {
  const endpoint = parseEndpoint(options.to);
  const oneWay = endpoint.transport === 'file';
  if (!endpoint.extended && !oneWay)
    throw refusal(
      `${options.to} is not for a transfer: expected ferry+tcp:, ferry+tls:, ferry+unix: or file:`,
    );
  const { channels = DEFAULT_CHANNELS, slots = RESERVED_SLOTS * machine.devices.length + SHARED_SLOTS } =
    options;
  if (!Number.isInteger(channels) || channels < 1 || channels > MAX_CHANNELS)
    throw refusal(`${channels} channels, expected 1 to ${MAX_CHANNELS}`);
  if (oneWay && (options.checksum === true || options.deviceMethod === 'zstd'))
    throw refusal('Files hold QEMU’s own packets: without checksums, and device state as it is');
  const { method = 'none', deviceMethod = 'none', checksum = !oneWay, level = 1 } = options;
  return {
    endpoint,
    tls: options.tls,
    tlsHost: options.tlsHost,
    oneWay,
    proposal: {
      kind: 'open',
      version: VERSION,
      oldest: VERSION,
      oneWay,
      uuid: machine.uuid,
      pageSize: RAM_PAGE_SIZE,
      channels,
      method,
      deviceMethod,
      checksum,
      blocks: machine.blocks.map(({ name, length }) => ({ name, length })),
      devices: machine.devices.map(({ idstr, instance }) => ({ idstr, instance })),
    },
    level,
    zeroPages: options.zeroPages ?? true,
    pacing: pacingOf(options),
    slots,
    resumes: oneWay ? 0 : (options.resumes ?? 8),
  };
}

function pacingOf(options: SendOptions): PacingRule {
  const { downtimeMs = 300, maxDowntimeMs = 900, patienceMs = 60_000 } = options;
  const { precopyMs = Number.POSITIVE_INFINITY, onStall = 'fail' } = options;
  for (const [name, value] of Object.entries({ downtimeMs, maxDowntimeMs, patienceMs, precopyMs }))
    if (!(value >= 0)) throw refusal(`${name} is ${value}, expected 0 or more`);
  return { downtimeMs, maxDowntimeMs, patienceMs, precopyMs, onStall };
}

function refusal(what: string): TransferError {
  return new TransferError('ERR_TRANSFER_OPTIONS', what);
}
