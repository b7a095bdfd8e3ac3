/** A virtio-net driver that runs outside its guest: through QEMU's qtest socket. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { connectSocket } from '../../src/launch/index.ts';

/** QEMU's qtest protocol: one command a line, one answer a line. */
export class Qtest implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async connect(path: string): Promise<Qtest> {
    return new Qtest(await connectSocket(path));
  }

  /** What follows `OK` in the answer. */
  async ask(...words: (string | number)[]): Promise<string> {
    const command = words
      .map((word) => (typeof word === 'number' ? `0x${word.toString(16)}` : word))
      .join(' ');
    this.#socket.write(`${command}\n`);
    const answer = await this.#lines.next();
    const said = /^OK ?(.*)$/.exec(answer.done === true ? '' : answer.value);
    if (said === null) throw new Error(`QEMU answered ${command} with ${answer.value ?? 'the end'}`);
    return said[1]!;
  }

  async number(...words: (string | number)[]): Promise<number> {
    return Number(await this.ask(...words));
  }

  write(address: number, bytes: Buffer): Promise<string> {
    return this.ask('write', address, bytes.length, `0x${bytes.toString('hex')}`);
  }

  async read(address: number, length: number): Promise<Buffer> {
    return Buffer.from((await this.ask('read', address, length)).slice(2), 'hex');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }
}

/** Where the driver has its device on the bus; `-device …,addr=` must say the same. */
export const NET_SLOT = 4;
/** Where it maps the device's registers: nothing else is there while no firmware has run. */
const REGISTERS = 0xe000_0000;
/** Guest memory for rings and buffers, above what the guest's program touches. */
const RINGS = 0x20_0000;
const RING_STRIDE = 0x1_0000;
const RING_SIZE = 16;
const BUFFER = 2048;
/** virtio_net_hdr with `num_buffers`. */
const HEADER = 12;
const FEATURES = { mergeableBuffers: 1 << 15, version1: 1 << 0 };
const Common = {
  featureSelect: 8,
  features: 12,
  status: 20,
  queue: 22,
  size: 24,
  enable: 28,
  notifyAt: 30,
  rings: 32,
};
const Status = { acknowledge: 1, driver: 2, ok: 4, featuresOk: 8 };
const Descriptor = { readable: 0, writable: 2 };

const RECEIVE = 0;
const SEND = 1;

/** What a driver remembers between its requests, in a guest in its memory. It goes with the guest. */
interface Memory {
  readonly notify: readonly number[];
  sent: number;
  received: number;
}

/** The driver: a receive ring full of buffers and a send ring. */
export class NetDriver {
  readonly #qtest: Qtest;
  readonly #memory: Memory;

  private constructor(qtest: Qtest, memory: Memory) {
    this.#qtest = qtest;
    this.#memory = memory;
  }

  /** Bring the device up as a guest's driver does. */
  static async start(qtest: Qtest): Promise<NetDriver> {
    const { common, notify, multiplier } = await mapRegisters(qtest);
    await qtest.ask('writeb', common + Common.status, 0);
    await qtest.ask('writeb', common + Common.status, Status.acknowledge | Status.driver);
    for (const [word, bits] of [FEATURES.mergeableBuffers, FEATURES.version1].entries()) {
      await qtest.ask('writel', common + Common.featureSelect, word);
      await qtest.ask('writel', common + Common.features, bits);
    }
    await qtest.ask('writeb', common + Common.status, Status.acknowledge | Status.driver | Status.featuresOk);
    const doors: number[] = [];
    for (const queue of [RECEIVE, SEND]) {
      await qtest.ask('writew', common + Common.queue, queue);
      await qtest.ask('writew', common + Common.size, RING_SIZE);
      for (const [index, address] of Object.values(parts(queue)).slice(0, 3).entries()) {
        await qtest.ask('writel', common + Common.rings + 8 * index, address);
        await qtest.ask('writel', common + Common.rings + 8 * index + 4, 0);
      }
      doors.push(notify + multiplier * (await qtest.number('readw', common + Common.notifyAt)));
      await qtest.ask('writew', common + Common.enable, 1);
    }
    const all = Status.acknowledge | Status.driver | Status.featuresOk | Status.ok;
    await qtest.ask('writeb', common + Common.status, all);
    if ((await qtest.number('readb', common + Common.status)) !== all)
      throw new Error('The device is not up');
    const driver = new NetDriver(qtest, { notify: doors, sent: 0, received: 0 });
    for (let index = 0; index < RING_SIZE; index++) await driver.#offer(RECEIVE, index, BUFFER);
    return driver;
  }

  /** The same driver after its guest has moved to another QEMU. */
  movedTo(qtest: Qtest): NetDriver {
    return new NetDriver(qtest, this.#memory);
  }

  async send(frame: Buffer): Promise<void> {
    const index = this.#memory.sent++;
    await this.#qtest.write(buffer(SEND, index), Buffer.concat([Buffer.alloc(HEADER), frame]));
    await this.#offer(SEND, index, HEADER + frame.length);
  }

  /** The next frame that came in, waiting for it. */
  async receive(milliseconds = 10_000): Promise<Buffer> {
    const { used } = parts(RECEIVE);
    const index = this.#memory.received;
    const end = performance.now() + milliseconds;
    while ((await this.#qtest.number('readw', used + 2)) === (index & 0xffff)) {
      if (performance.now() > end) throw new Error(`No frame within ${milliseconds} ms`);
      await delay(5);
    }
    this.#memory.received++;
    const entry = await this.#qtest.read(used + 4 + 8 * (index % RING_SIZE), 8);
    const head = entry.readUInt32LE(0);
    const bytes = await this.#qtest.read(buffer(RECEIVE, head), entry.readUInt32LE(4));
    await this.#offer(RECEIVE, index + RING_SIZE, BUFFER, head);
    return bytes.subarray(HEADER);
  }

  /** Give the device buffer `head` of a ring, as the ring's `index`th since it was set up. */
  async #offer(queue: number, index: number, length: number, head = index % RING_SIZE): Promise<void> {
    const { descriptors, available } = parts(queue);
    const descriptor = Buffer.alloc(16);
    descriptor.writeUInt32LE(buffer(queue, head), 0);
    descriptor.writeUInt32LE(length, 8);
    descriptor.writeUInt16LE(queue === RECEIVE ? Descriptor.writable : Descriptor.readable, 12);
    await this.#qtest.write(descriptors + 16 * head, descriptor);
    await this.#qtest.ask('writew', available + 4 + 2 * (index % RING_SIZE), head);
    await this.#qtest.ask('writew', available + 2, (index + 1) & 0xffff);
    await this.#qtest.ask('writew', this.#memory.notify[queue]!, queue);
  }
}

function parts(queue: number): { descriptors: number; available: number; used: number; buffers: number } {
  const at = RINGS + queue * RING_STRIDE;
  return { descriptors: at, available: at + 0x1000, used: at + 0x2000, buffers: at + 0x4000 };
}

function buffer(queue: number, index: number): number {
  return parts(queue).buffers + BUFFER * (index % RING_SIZE);
}

/** Map the registers, as firmware does, and find them, by the vendor capabilities (virtio 1.2, section 4.1.4). */
async function mapRegisters(qtest: Qtest): Promise<{ common: number; notify: number; multiplier: number }> {
  const select = (at: number) => qtest.ask('outl', 0xcf8, 0x8000_0000 + (NET_SLOT << 11) + at);
  const get = async (at: number) => {
    await select(at);
    return await qtest.number('inl', 0xcfc);
  };
  const set = async (at: number, value: number) => {
    await select(at);
    await qtest.ask('outl', 0xcfc, value);
  };
  await set(0x20, REGISTERS);
  await set(0x24, 0);
  await set(0x04, 6);
  const found: Record<number, { address: number; further: number }> = {};
  for (let at = (await get(0x34)) & 0xff; at !== 0; ) {
    const [head, offset] = [await get(at), await get(at + 8)];
    const [id, next, kind] = [head & 0xff, (head >>> 8) & 0xff, head >>> 24];
    if (id === 9) found[kind] = { address: REGISTERS + offset, further: await get(at + 16) };
    at = next;
  }
  const { 1: common, 2: notify } = found;
  if (common === undefined || notify === undefined) throw new Error('There is no virtio device in the slot');
  return { common: common.address, notify: notify.address, multiplier: notify.further };
}
