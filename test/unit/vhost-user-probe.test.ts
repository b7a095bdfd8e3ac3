/** What `ferry probe` makes of back ends, honest and hostile. Their answers are sent before they are asked for. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { runProbe } from '../../src/cli/probe.ts';
import {
  createEventfd,
  createSocketPair,
  type Fd,
  listenUnix,
  liveResources,
  sendMessage,
} from '../../src/sys/index.ts';
import {
  type DeviceType,
  judgeBackEnd,
  type ProbeFacts,
  ProtocolFeature,
  probeBackEnd,
  VirtioFeature,
} from '../../src/vhost-user/index.ts';
import { ints, joined, u64 } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

const { LOG_ALL, PROTOCOL_FEATURES, VERSION_1 } = VirtioFeature;
const VIRTIO = LOG_ALL | PROTOCOL_FEATURES | VERSION_1;
const { MQ, LOG_SHMFD, REPLY_ACK, CONFIG, CONFIGURE_MEM_SLOTS, DEVICE_STATE, STATUS } = ProtocolFeature;
const PROTOCOL = MQ | LOG_SHMFD | REPLY_ACK | CONFIGURE_MEM_SLOTS | DEVICE_STATE;

interface Offer {
  readonly features?: bigint;
  readonly protocol?: bigint;
  readonly queues?: number;
  readonly slots?: number;
  readonly type?: DeviceType;
}

/** Sends answers that nobody has asked for yet. */
function answering(far: Fd) {
  return (id: number, payload: Uint8Array, flags = 5, fds: readonly number[] = []) =>
    sendMessage(far, joined(ints(id, flags, payload.length), payload), fds);
}

/** What is found out about a back end that offers this, and answers everything well. */
function probe({ features = VIRTIO, protocol = PROTOCOL, queues = 2, slots = 8, type }: Offer): ProbeFacts {
  const [near, far] = createSocketPair('probe');
  using _far = far;
  const answer = answering(far);
  answer(1, u64(features));
  if ((features & PROTOCOL_FEATURES) !== 0n) {
    answer(15, u64(protocol));
    if ((protocol & REPLY_ACK) !== 0n) answer(16, u64(0));
    if ((protocol & MQ) !== 0n) answer(17, u64(queues));
    if ((protocol & CONFIGURE_MEM_SLOTS) !== 0n) answer(36, u64(slots));
    answer(1, u64(features));
  }
  return probeBackEnd(near, { deadline: 30, ...(type !== undefined && { type }) });
}

/** Codes of the findings of one severity. */
function codes(facts: ProbeFacts, severity: 'problem' | 'note'): string[] {
  return judgeBackEnd(facts)
    .findings.filter((finding) => finding.severity === severity)
    .map(({ code }) => code);
}

describe('a back end that answers well', () => {
  const rows: [what: string, offer: Offer, problems: string[]][] = [
    ['all that a file system needs', { type: 'fs' }, []],
    ['no protocol features', { features: VERSION_1 | LOG_ALL }, ['no-protocol-features']],
    ['only legacy virtio', { features: VIRTIO & ~VERSION_1 }, ['no-version-1']],
    ['no LOG_ALL', { features: VIRTIO & ~LOG_ALL }, ['no-log-all']],
    ['no LOG_SHMFD', { protocol: PROTOCOL & ~LOG_SHMFD }, ['no-log-shmfd']],
    ['a file system without state', { protocol: PROTOCOL & ~DEVICE_STATE, type: 'fs' }, ['no-device-state']],
    ['a disk without state', { protocol: (PROTOCOL & ~DEVICE_STATE) | CONFIG, type: 'blk' }, []],
    ['a disk without CONFIG', { type: 'blk' }, ['no-config']],
    ['STATUS beside DEVICE_STATE', { protocol: PROTOCOL | STATUS }, ['status-with-device-state']],
    ['STATUS alone', { protocol: (PROTOCOL | STATUS) & ~DEVICE_STATE }, []],
    ['no REPLY_ACK', { protocol: PROTOCOL & ~REPLY_ACK }, ['no-reply-ack']],
    ['a file system without MQ', { protocol: PROTOCOL & ~MQ, type: 'fs' }, ['no-mq']],
    ['a net device without MQ', { protocol: PROTOCOL & ~MQ, type: 'net' }, []],
    ['one queue for a file system', { queues: 1, type: 'fs' }, ['too-few-queues']],
    ['no queue', { queues: 0 }, ['too-few-queues']],
    ['no memory slots', { slots: 0 }, ['no-memory-slots']],
    [
      'in-band notifications',
      { protocol: PROTOCOL | ProtocolFeature.INBAND_NOTIFICATIONS },
      ['inband-notifications', 'needs-backend-req'],
    ],
    ['XEN_MMAP', { protocol: PROTOCOL | ProtocolFeature.XEN_MMAP }, ['xen-mmap']],
    ['SHMEM_MAP', { protocol: PROTOCOL | ProtocolFeature.SHMEM_MAP }, ['shmem-map']],
    ['ACCESS_PLATFORM alone', { features: VIRTIO | (1n << 33n) }, ['needs-backend-req']],
    [
      'inflight rings without a region',
      { protocol: PROTOCOL | ProtocolFeature.GET_VRING_BASE_INFLIGHT },
      ['inflight-without-region'],
    ],
  ];
  for (const [what, offer, problems] of rows)
    test(`${what}: ${problems.join(', ') || 'no problem'}`, () => {
      assert.deepEqual(codes(probe(offer), 'problem'), problems);
    });

  test('is told what QEMU would do with it', () => {
    const verdict = judgeBackEnd(
      probe({ protocol: (PROTOCOL | ProtocolFeature.XEN_MMAP) & ~LOG_SHMFD, type: 'fs' }),
    );
    assert.equal(verdict.dirtyLog, false);
    assert.deepEqual(
      verdict.qemu.map(({ version, unimplemented, blockers }) => [version, unimplemented, blockers]),
      ['10.0', '11.1'].map((version) => [
        version,
        ProtocolFeature.XEN_MMAP,
        ['vhost-user backend lacks VHOST_USER_PROTOCOL_F_LOG_SHMFD'],
      ]),
    );
  });

  test('is not taken over', () => {
    assert.deepEqual(probe({}).asked, [
      ...['GET_FEATURES', 'GET_PROTOCOL_FEATURES', 'SET_PROTOCOL_FEATURES', 'SET_PROTOCOL_FEATURES'],
      ...['GET_QUEUE_NUM', 'GET_MAX_MEM_SLOTS', 'GET_FEATURES'],
    ]);
  });
});

describe('a back end that answers badly', () => {
  const opening = (answer: ReturnType<typeof answering>) => {
    answer(1, u64(VIRTIO));
    answer(15, u64(PROTOCOL));
    answer(16, u64(0));
  };
  const rows: [
    what: string,
    script: (answer: ReturnType<typeof answering>) => void,
    request: string,
    code: string,
  ][] = [
    [
      'says nothing about protocol features',
      (answer) => void answer(1, u64(VIRTIO)),
      'GET_PROTOCOL_FEATURES',
      'ERR_DEADLINE',
    ],
    [
      'does not acknowledge',
      (answer) => {
        answer(1, u64(VIRTIO));
        answer(15, u64(PROTOCOL));
      },
      'SET_PROTOCOL_FEATURES',
      'ERR_DEADLINE',
    ],
    [
      'answers with four bytes',
      (answer) => {
        opening(answer);
        answer(17, ints(2));
        answer(36, u64(8));
        answer(1, u64(VIRTIO));
      },
      'GET_QUEUE_NUM',
      'ERR_BAD_REPLY',
    ],
    [
      'answers with flags that no answer has',
      (answer) => {
        opening(answer);
        answer(17, u64(2), 1);
      },
      'GET_QUEUE_NUM',
      'ERR_BAD_REPLY',
    ],
    [
      'answers something else',
      (answer) => {
        opening(answer);
        answer(36, u64(2));
      },
      'GET_QUEUE_NUM',
      'ERR_BAD_REPLY',
    ],
    [
      'has more queues than there can be',
      (answer) => {
        opening(answer);
        answer(17, u64(1n << 40n));
        answer(36, u64(8));
        answer(1, u64(VIRTIO));
      },
      'GET_QUEUE_NUM',
      'ERR_BAD_REPLY',
    ],
    [
      'offers something else when it is asked again',
      (answer) => {
        opening(answer);
        answer(17, u64(2));
        answer(36, u64(8));
        answer(1, u64(VIRTIO | 1n));
      },
      'GET_FEATURES',
      'ERR_BAD_REPLY',
    ],
  ];
  for (const [what, script, request, code] of rows)
    test(`${what}: ${code} at ${request}, and the rest is told all the same`, () => {
      const [near, far] = createSocketPair('probe');
      using _far = far;
      script(answering(far));
      const facts = probeBackEnd(near, { deadline: 30 });
      assert.deepEqual(
        facts.faults.map((fault) => [fault.request, fault.code]),
        [[request, code]],
      );
      assert.equal(facts.offered.features, VIRTIO);
      assert.ok(codes(facts, 'problem').includes('bad-answer'));
    });

  test('sends descriptors that nobody wants', () => {
    const [near, far] = createSocketPair('probe');
    using _far = far;
    using stray = createEventfd('stray');
    answering(far)(1, u64(VERSION_1), 5, Array(8).fill(stray.number));
    assert.equal(probeBackEnd(near, { deadline: 30 }).offered.features, VERSION_1);
  });

  for (const [what, script, code] of [
    ['says nothing at all', () => undefined, 'ERR_DEADLINE'],
    ['hangs up at once', (far: Fd) => far[Symbol.dispose](), 'ERR_DISCONNECTED'],
    ['says GET_FEATURES with no payload', (far: Fd) => answering(far)(1, new Uint8Array(0)), 'ERR_BAD_REPLY'],
  ] as const)
    test(`${what}: it cannot be asked`, () => {
      const [near, far] = createSocketPair('probe');
      using _far = far;
      script(far);
      assert.throws(() => probeBackEnd(near, { deadline: 30 }), { code });
    });
});

describe('the command', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ferry-probe-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function run(path: string, json: boolean): { code: number; text: string } {
    let text = '';
    const code = runProbe(path, { json, deadline: 30 }, (more) => {
      text += more;
    });
    return { code, text: stripVTControlCharacters(text) };
  }

  test('says that nobody listens', () => {
    const { code, text } = run(join(folder, 'nothing'), false);
    assert.equal(code, 3);
    assert.match(text, /could not be asked: .*ENOENT/);
  });

  test('says that the back end is busy with somebody else', () => {
    const path = join(folder, 'busy');
    using _listener = listenUnix(path);
    const plain = run(path, false);
    assert.equal(plain.code, 3);
    assert.match(plain.text, /ERR_DEADLINE\)\nIt may be busy with another front end/);
    const { code, text } = run(path, true);
    assert.equal(code, 3);
    assert.deepEqual(JSON.parse(text).error.code, 'ERR_DEADLINE');
  });

  test('says so where the queue of connections is full', () => {
    const path = join(folder, 'full');
    using _listener = listenUnix(path, 0);
    run(path, false);
    const { code, text } = run(path, false);
    assert.equal(code, 3);
    assert.match(text, /ERR_BUSY|ERR_DEADLINE/);
  });
});
