/** Faults of rings and sessions that would lose a guest's data or a process's descriptors: their tests notice. */
import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../../support/planted.ts';

const unit = (name: string) => new URL(`../../unit/${name}.test.ts`, import.meta.url);

const faults: [what: string, file: URL, fault: Fault, red: RegExp][] = [
  [
    'writes that are not logged',
    unit('virtio-split-queue'),
    {
      file: 'src/virtio/split-queue.ts',
      find: 'writable.markTouched(log);',
      replace: 'writable.touched;',
    },
    /exactly what was written is marked/,
  ],
  [
    'a used ring that is not logged',
    unit('vhost-user-memory'),
    {
      file: 'src/virtio/split-queue.ts',
      find: 'this.#usedLogAddress = log === undefined ? undefined : usedAddress;',
      replace: 'this.#usedLogAddress = undefined;',
    },
    /logging begins, follows the used ring/,
  ],
  [
    'a bit that is set without an atomic operation',
    unit('memory-dirty-log'),
    {
      file: 'src/memory/dirty-log.ts',
      find: 'Atomics.or(this.#bitmap, byte, (0xff << from) & (0xff >> (7 - to)) & 0xff);',
      replace: 'this.#bitmap[byte]! |= (0xff << from) & (0xff >> (7 - to)) & 0xff;',
    },
    /every bit is set by one atomic operation/,
  ],
  [
    'a request that is given back before its pages are marked',
    unit('virtio-split-queue'),
    {
      file: 'src/virtio/split-queue.ts',
      find: 'const log = this.#log;',
      replace: 'const log = this.#log; Atomics.store(this.#used, 1, (this.#usedIndex + 1) & 0xffff);',
    },
    /data is marked before the request is given back/,
  ],
  [
    'a queue that does not look again once the driver may sleep',
    unit('virtio-driver-queue'),
    {
      file: 'src/virtio/split-queue.ts',
      find: 'Atomics.store(this.#used, 2 + this.size * 4, this.#next);',
      replace: '',
    },
    /neither side sleeps/,
  ],
  [
    'a used index that starts at 0',
    unit('virtio-split-queue'),
    {
      file: 'src/virtio/split-queue.ts',
      find: 'this.#usedIndex = Atomics.load(this.#used, 1);',
      replace: 'this.#usedIndex = 0;',
    },
    /the used index is taken from memory/,
  ],
  [
    'a deferred request that writes where memory was',
    unit('virtio-chain'),
    {
      file: 'src/virtio/segments.ts',
      find: 'if (this.#generation !== this.#source.generation) this.#locateAgain();',
      replace: '',
    },
    /a deferred request follows its memory/,
  ],
  [
    'memory that is taken from under a running ring',
    unit('vhost-user-memory'),
    {
      file: 'src/vhost-user/back-end/context.ts',
      find: 'for (const ring of this.rings) ring.relocate(this.memory);',
      replace: '',
    },
    /memory under a running ring cannot be taken away/,
  ],
  [
    'a packed ring that is logged where the front end says',
    unit('vhost-user-rings'),
    {
      file: 'src/vhost-user/back-end/ring-state.ts',
      find: 'this.queue.logTo(log, memory.guestAddressOf(used), memory.guestAddressOf(descriptors));',
      replace: 'this.queue.logTo(log, address, address);',
    },
    /are logged where they lie/,
  ],
  [
    'memory that goes under work that is done elsewhere',
    unit('vhost-user-memory'),
    {
      file: 'src/vhost-user/back-end/context.ts',
      find: 'this.backEnd.releaseMemory(this.session);',
      replace: ';',
    },
    /memory goes only when nobody else works on it/,
  ],
  [
    'an inflight region that outlives a reset',
    unit('vhost-user-inflight'),
    {
      file: 'src/vhost-user/back-end/feature-requests.ts',
      find: 'context.replaceInflight(undefined);',
      replace: '',
    },
    /until the device is reset/,
  ],
  [
    'an inflight region that is longer than its file',
    unit('vhost-user-inflight'),
    {
      file: 'src/vhost-user/back-end/inflight-region.ts',
      find: 'if (!stat.isFile() || offset + size > stat.size)',
      replace: 'if (!stat.isFile())',
    },
    /ends beyond its file is refused|larger than its file is refused/,
  ],
  [
    'a state that moves while a ring runs',
    unit('vhost-user-device-state'),
    {
      file: 'src/vhost-user/back-end/device-state-requests.ts',
      find: 'if (running.length > 0)',
      replace: 'if (false)',
    },
    /only while every ring is stopped/,
  ],
  [
    'a session that serves whoever comes',
    unit('vhost-user-requests'),
    { file: 'src/vhost-user/back-end/session.ts', find: 'if (rule.claims)', replace: 'if (false)' },
    /asks for the instance first/,
  ],
  [
    'descriptors of refused requests that stay open',
    unit('vhost-user-matrix'),
    { file: 'src/vhost-user/back-end/session.ts', find: 'closeAll(request.fds);', replace: '' },
    /descriptors of a refused request are closed/,
  ],
];

for (const [what, file, fault, red] of faults)
  test(`${what} turns red`, () => assertTurnsRed(file, fault, red));
