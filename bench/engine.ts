import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeContents } from './engine/contents.ts';
import { type Move, move, oneStream, receiveFromQemu } from './engine/ends.ts';
import { MachineLimits } from './engine/limits.ts';
import { BareQemu, qemuToQemu } from './engine/qemu.ts';
import { median, type Row, row } from './report.ts';

const MIB = 2 ** 20;
const RAM = 2048;
const STATE = 128;
const ROUNDS = 3;
const CHANNELS = 4;

/** Wanted rows are handed to `onRow`. */
export async function engineRows(
  wanted: (name: string) => boolean,
  onRow: (row: Row) => void,
): Promise<void> {
  const names = [
    'engine/RAM',
    'engine/RAM, whole move',
    'engine/RAM from QEMU',
    'engine/devices',
    'engine/memory',
  ];
  if (!names.some(wanted)) return;
  await using temporary = await mkdtempDisposable(join(tmpdir(), 'ferry-bench-'));
  // What moves must be in memory, at both ends
  await using shared = await mkdtempDisposable('/dev/shm/ferry-bench-');
  const files = { source: join(shared.path, 'source'), destination: join(shared.path, 'destination') };
  const rows = new EngineRows(files, temporary.path, wanted, onRow);
  if (names.slice(0, 3).some(wanted)) {
    await writeContents(files.source, RAM);
    await writeContents(files.destination, RAM);
    await rows.ramBesideTheMachine();
    await rows.ramBesideQemu('none');
    await rows.ramBesideQemu('zstd');
  }
  await rows.devices();
}

class EngineRows {
  readonly #files: Move['files'];
  readonly #folder: string;
  readonly #wanted: (name: string) => boolean;
  readonly #onRow: (row: Row) => void;

  constructor(
    files: Move['files'],
    folder: string,
    wanted: (name: string) => boolean,
    onRow: (row: Row) => void,
  ) {
    this.#files = files;
    this.#folder = folder;
    this.#wanted = wanted;
    this.#onRow = onRow;
  }

  /** The first pass over RAM, beside a C program that moves as much the same way, and beside a copy in memory. */
  async ramBesideTheMachine(): Promise<void> {
    if (!this.#wanted('engine/RAM')) return;
    const limits = await MachineLimits.build(this.#folder);
    for (const [transport, at] of [
      ['tcp', 'ferry+tcp:127.0.0.1:0'],
      ['unix', `ferry+unix:${this.#folder}/engine`],
    ] as const)
      for (const channels of transport === 'tcp' ? [1, CHANNELS, 8] : [CHANNELS]) {
        const ours: number[] = [];
        const raw: number[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          const { sent } = await move({ ...this.#ram(at), channels });
          ours.push(sent.rate! / 1e9);
          raw.push(await limits.loopback(transport, 'pages', channels, RAM));
        }
        const variant = `${transport}, ${channels} channels`;
        this.#row('engine/RAM', variant, ours, `C, ${transport}`, raw);
        if (channels !== CHANNELS || transport !== 'tcp') continue;
        const checked = await this.#rounds(async () => {
          const { sent } = await move({ ...this.#ram(at), checksum: true });
          return sent.rate! / 1e9;
        });
        this.#row('engine/RAM', `${variant}, CRC-32C`, checked, 'C, without', raw);
        const copied = await this.#rounds(() => limits.copy(RAM));
        this.#row('engine/RAM', variant, ours, 'memory copy', copied);
      }
  }

  /** Whole moves of the same RAM over as many channels: two Ferrys, and a QEMU to a Ferry, beside two QEMUs. */
  async ramBesideQemu(method: 'none' | 'zstd'): Promise<void> {
    if (!this.#wanted('engine/RAM, whole move') && !this.#wanted('engine/RAM from QEMU')) return;
    const multifd = { channels: CHANNELS, method };
    const uri = `unix:${this.#folder}/qemu`;
    const bytes = RAM * MIB;
    const theirs: number[] = [];
    const ours: number[] = [];
    const mixed: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      theirs.push(await qemuToQemu(this.#folder, this.#files, RAM, multifd, uri));
      const { sent } = await move({ ...this.#ram(`ferry+unix:${this.#folder}/engine`), method });
      ours.push(bytes / 1e6 / sent.totalMs);
      await using qemu = await BareQemu.start(this.#folder, 'source', this.#files.source, RAM);
      await qemu.prepare(multifd);
      mixed.push(
        await receiveFromQemu({ ...multifd, ram: bytes }, `unix:${this.#folder}/mixed`, (to) =>
          qemu.migrate(to, bytes),
        ),
      );
    }
    const variant = `unix, ${CHANNELS} channels, ${method}`;
    this.#row('engine/RAM, whole move', variant, ours, 'QEMU to QEMU', theirs);
    this.#row('engine/RAM from QEMU', variant, mixed, 'QEMU to QEMU', theirs);
  }

  /** State of several devices, from their stop to the destination's word, beside the same bytes in one stream. */
  async devices(): Promise<void> {
    if (!this.#wanted('engine/devices') && !this.#wanted('engine/memory')) return;
    for (const count of [1, 4, 8]) {
      const bytes = count * STATE * MIB;
      const single = await this.#rounds(() => oneStream(bytes));
      for (const channels of count === 8 ? [1, CHANNELS, 8] : [count]) {
        const downtimes: number[] = [];
        let peak = 0;
        let budget = 0;
        for (let round = 0; round < ROUNDS; round++) {
          const devices = new Array<number>(count).fill(STATE * MIB);
          const at = `ferry+unix:${this.#folder}/engine`;
          const { sent, received } = await move({
            ...this.#ram(at),
            ram: 0,
            channels,
            devices,
            checksum: true,
          });
          downtimes.push(sent.downtimeMs!);
          peak = Math.max(peak, received.peakBytes);
          budget = received.budgetBytes;
        }
        const variant = `${count} × ${STATE} MiB, ${channels} channels`;
        this.#row('engine/devices', variant, downtimes, 'one stream', single, 'ms');
        this.#row('engine/memory', variant, [peak / MIB], 'the budget', [budget / MIB], 'MiB');
      }
    }
  }

  #ram(at: string): Move {
    const [method, channels] = ['none', CHANNELS] as const;
    return { files: this.#files, at, ram: RAM * MIB, channels, method, devices: [], checksum: false };
  }

  async #rounds(measure: () => Promise<number>): Promise<number[]> {
    const figures: number[] = [];
    for (let round = 0; round < ROUNDS; round++) figures.push(await measure());
    return figures;
  }

  #row(
    name: string,
    variant: string,
    ours: readonly number[],
    peer: string,
    theirs: readonly number[],
    unit: 'GB/s' | 'ms' | 'MiB' = 'GB/s',
  ): void {
    if (!this.#wanted(name)) return;
    const value = median(theirs);
    this.#onRow(row(name, variant, unit, median(ours), { name: peer, value }, unit !== 'GB/s'));
  }
}
