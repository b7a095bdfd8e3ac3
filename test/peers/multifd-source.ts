import type { QmpClient } from '../../src/qmp/index.ts';

/** How a QEMU sends its RAM. */
export interface Sending {
  readonly channels: number;
  readonly method?: 'none' | 'zlib' | 'zstd';
  readonly zeroPages?: 'multifd' | 'legacy' | 'none';
  readonly switchoverAck?: boolean;
  /** Bytes a second; as fast as it can unless given. */
  readonly bandwidth?: number;
  /** Milliseconds that the guest may stand still: 5000 unless given, so that one that never stops writing is stopped soon. */
  readonly downtime?: number;
}

/** How a migration ended for its source. */
export interface SourceEnd {
  readonly status: string;
  readonly why: string;
}

/** Tell a QEMU how to send. */
export async function prepare(client: QmpClient, sending: Sending): Promise<void> {
  const { channels, method = 'none', zeroPages = 'multifd', bandwidth = 0, downtime = 5000 } = sending;
  const { switchoverAck = false } = sending;
  const on = (capability: 'events' | 'return-path' | 'multifd') => ({ capability, state: true });
  await client.execute('migrate-set-capabilities', {
    capabilities: [
      on('events'),
      on('return-path'),
      on('multifd'),
      { capability: 'switchover-ack', state: switchoverAck },
    ],
  });
  await client.execute('migrate-set-parameters', {
    'multifd-channels': channels,
    'multifd-compression': method,
    'zero-page-detection': zeroPages,
    'max-bandwidth': bandwidth,
    'downtime-limit': downtime,
  });
}

/** Have a QEMU migrate to `uri`; resolves with how that ended for it. `at` hears of every status. */
export async function migrateTo(
  client: QmpClient,
  uri: string,
  at: (status: string) => unknown = () => undefined,
): Promise<SourceEnd> {
  using events = client.events(['MIGRATION']);
  await client.execute('migrate', { uri });
  for await (const { data } of events) {
    await at(data.status);
    if (!['completed', 'failed', 'cancelled'].includes(data.status)) continue;
    const { 'error-desc': why = '' } = await client.execute('query-migrate');
    return { status: data.status, why };
  }
  throw new Error('The events of QEMU ended');
}
