import { ProtocolFeature, VirtioFeature } from '../constants.ts';
import type { DeviceType } from './names.ts';
import type { ProbeFacts } from './probe.ts';

/** Something about a back end that an operator should know. A problem stands in the way of a migration. */
export interface ProbeFinding {
  readonly severity: 'problem' | 'note';
  readonly code: string;
  readonly message: string;
}

/** What one version of QEMU would do with the back end. */
export interface QemuOutlook {
  readonly version: string;
  /** Protocol features that it would accept. */
  readonly accepts: bigint;
  /** Those of them that it does not implement. */
  readonly unimplemented: bigint;
  /** Why it would refuse to migrate the guest, or would lose the device's state; empty where nothing stands in the way. */
  readonly blockers: readonly string[];
}

/** What a back end would do in a migration, and what is wrong with it. */
export interface ProbeVerdict {
  readonly dirtyLog: boolean;
  readonly deviceState: boolean;
  readonly inflight: boolean;
  readonly qemu: readonly QemuOutlook[];
  readonly findings: readonly ProbeFinding[];
}

interface Rule {
  readonly severity: ProbeFinding['severity'];
  readonly code: string;
  readonly message: string;
  /** Whether the rule has something to say about a back end. */
  readonly applies: (subject: Subject) => boolean;
}

/** A back end's features, easy to ask about. */
interface Subject {
  readonly facts: ProbeFacts;
  readonly type: DeviceType | undefined;
  has(feature: keyof typeof ProtocolFeature): boolean;
  hasVirtio(feature: keyof typeof VirtioFeature): boolean;
}

const ACCESS_PLATFORM = 1n << 33n;
/** The least queues that a device of a kind works with. */
const LEAST_QUEUES: Readonly<Record<DeviceType, number>> = { blk: 1, fs: 2, net: 2 };
/** Protocol features up to this bit are named by the specification. */
const KNOWN_PROTOCOL = (1n << 23n) - 1n;

const RULES: readonly Rule[] = [
  {
    severity: 'problem',
    code: 'no-protocol-features',
    message: 'PROTOCOL_FEATURES is not offered: neither dirty log nor device state can be agreed on',
    applies: ({ hasVirtio }) => !hasVirtio('PROTOCOL_FEATURES'),
  },
  {
    severity: 'problem',
    code: 'no-version-1',
    message: 'VERSION_1 is not offered: only drivers from before virtio 1.0 can use the device',
    applies: ({ hasVirtio }) => !hasVirtio('VERSION_1'),
  },
  {
    severity: 'problem',
    code: 'no-log-all',
    message: 'LOG_ALL is not offered: what the device writes while its guest moves would be lost',
    applies: ({ hasVirtio }) => !hasVirtio('LOG_ALL'),
  },
  {
    severity: 'problem',
    code: 'no-log-shmfd',
    message: 'LOG_SHMFD is not offered: a dirty log cannot be shared',
    applies: ({ has, hasVirtio }) => hasVirtio('PROTOCOL_FEATURES') && !has('LOG_SHMFD'),
  },
  {
    severity: 'problem',
    code: 'no-device-state',
    message:
      'DEVICE_STATE is not offered: a file system cannot be moved without its state, and QEMU notices at switch-over',
    applies: ({ has, type }) => type === 'fs' && !has('DEVICE_STATE'),
  },
  {
    severity: 'note',
    code: 'no-device-state',
    message: 'DEVICE_STATE is not offered: right for a device without a state of its own, loss for any other',
    applies: ({ has, type }) => type !== 'fs' && !has('DEVICE_STATE'),
  },
  {
    severity: 'problem',
    code: 'status-with-device-state',
    message:
      'STATUS is offered beside DEVICE_STATE: QEMU sets the status of a net or blk device to 0 before it saves it, and a back end that takes this for a reset loses its state',
    applies: ({ has }) => has('STATUS') && has('DEVICE_STATE'),
  },
  {
    severity: 'problem',
    code: 'no-reply-ack',
    message: 'REPLY_ACK is not offered: the back end cannot say that it refuses memory or a ring',
    applies: ({ has, hasVirtio }) => hasVirtio('PROTOCOL_FEATURES') && !has('REPLY_ACK'),
  },
  {
    severity: 'problem',
    code: 'no-mq',
    message: 'MQ is not offered: a device of this kind has more than one queue, and cannot say how many',
    applies: ({ has, type }) => type === 'fs' && !has('MQ'),
  },
  {
    severity: 'note',
    code: 'no-mq',
    message: 'MQ is not offered: the device is used with the fewest queues of its kind',
    applies: ({ has, hasVirtio, type }) => type !== 'fs' && hasVirtio('PROTOCOL_FEATURES') && !has('MQ'),
  },
  {
    severity: 'problem',
    code: 'too-few-queues',
    message: 'GET_QUEUE_NUM tells of fewer queues than a device of this kind needs',
    applies: ({ facts, type }) =>
      facts.offered.queues !== undefined &&
      facts.offered.queues < (type === undefined ? 1 : LEAST_QUEUES[type]),
  },
  {
    severity: 'problem',
    code: 'no-config',
    message:
      'CONFIG is not offered: QEMU asks a blk device for its configuration and does not start without it',
    applies: ({ has, type }) => type === 'blk' && !has('CONFIG'),
  },
  {
    severity: 'problem',
    code: 'no-memory-slots',
    message: 'GET_MAX_MEM_SLOTS tells of none: no memory can be shared',
    applies: ({ facts }) => facts.offered.memorySlots === 0,
  },
  {
    severity: 'note',
    code: 'few-memory-slots',
    message: 'Fewer than 8 regions of memory are taken: a guest with hot-plugged memory needs more',
    applies: ({ facts }) => (facts.offered.memorySlots ?? 8) < 8 && facts.offered.memorySlots !== 0,
  },
  {
    severity: 'problem',
    code: 'inband-notifications',
    message: 'INBAND_NOTIFICATIONS is offered: QEMU accepts it and does not implement it',
    applies: ({ has }) => has('INBAND_NOTIFICATIONS'),
  },
  {
    severity: 'problem',
    code: 'xen-mmap',
    message: 'XEN_MMAP is offered: QEMU accepts it and goes on sending regions of the ordinary size',
    applies: ({ has }) => has('XEN_MMAP'),
  },
  {
    severity: 'problem',
    code: 'shmem-map',
    message: 'SHMEM_MAP is offered: QEMU does not migrate devices with shared memory regions',
    applies: ({ has }) => has('SHMEM_MAP'),
  },
  {
    severity: 'problem',
    code: 'needs-backend-req',
    message:
      'ACCESS_PLATFORM or INBAND_NOTIFICATIONS is offered without BACKEND_REQ and REPLY_ACK, which they need',
    applies: ({ facts, has }) =>
      (has('INBAND_NOTIFICATIONS') || (facts.offered.features & ACCESS_PLATFORM) !== 0n) &&
      !(has('BACKEND_REQ') && has('REPLY_ACK')),
  },
  {
    severity: 'problem',
    code: 'inflight-without-region',
    message:
      'GET_VRING_BASE_INFLIGHT is offered without INFLIGHT_SHMFD: there is no region to leave requests in',
    applies: ({ has }) => has('GET_VRING_BASE_INFLIGHT') && !has('INFLIGHT_SHMFD'),
  },
  {
    severity: 'note',
    code: 'no-inflight',
    message: 'INFLIGHT_SHMFD is not offered: requests that a dying back end had taken are lost',
    applies: ({ has, type }) => type === 'blk' && !has('INFLIGHT_SHMFD'),
  },
  {
    severity: 'note',
    code: 'postcopy',
    message: 'PAGEFAULT is offered: QEMU will allow postcopy with this device',
    applies: ({ has }) => has('PAGEFAULT'),
  },
  {
    severity: 'note',
    code: 'gpa-addresses',
    message:
      'GPA_ADDRESSES is offered: back ends built on rust-vmm vhost 0.16 or older mean shared memory by that bit',
    applies: ({ has }) => has('GPA_ADDRESSES') && !has('GET_VRING_BASE_INFLIGHT'),
  },
  {
    severity: 'note',
    code: 'unknown-protocol-features',
    message: 'Protocol features are offered that the specification does not name',
    applies: ({ facts }) => (facts.offered.protocolFeatures & ~KNOWN_PROTOCOL) !== 0n,
  },
];

/** Judge what `probeBackEnd` found. */
export function judgeBackEnd(facts: ProbeFacts): ProbeVerdict {
  const { features, protocolFeatures } = facts.offered;
  const subject: Subject = {
    facts,
    type: facts.type,
    has: (feature) => (protocolFeatures & ProtocolFeature[feature]) !== 0n,
    hasVirtio: (feature) => (features & VirtioFeature[feature]) !== 0n,
  };
  const ruled = RULES.filter(({ applies }) => applies(subject));
  const findings: ProbeFinding[] = [
    ...facts.faults.map(
      ({ request, code, message }) =>
        ({ severity: 'problem', code: 'bad-answer', message: `${request}: ${message} (${code})` }) as const,
    ),
    ...(facts.trial?.steps ?? [])
      .filter(({ ok }) => !ok)
      .map(
        ({ what, found }) =>
          ({ severity: 'problem', code: `trial-${what}`, message: `${TRIED[what]}: ${found}` }) as const,
      ),
    ...ruled.map(({ severity, code, message }) => ({ severity, code, message })),
  ];
  return {
    dirtyLog: subject.hasVirtio('LOG_ALL') && subject.has('LOG_SHMFD'),
    deviceState: subject.has('DEVICE_STATE'),
    inflight: subject.has('INFLIGHT_SHMFD'),
    qemu: QEMU.map((qemu) => outlook(qemu, subject)),
    findings: [
      ...findings.filter(({ severity }) => severity === 'problem'),
      ...findings.filter(({ severity }) => severity === 'note'),
    ],
  };
}

const TRIED = {
  memory: 'Sharing memory',
  log: 'Logging dirty pages',
  inflight: 'The inflight region',
  save: 'Saving the state of the device as it is',
  load: 'Loading that state back',
} as const;

/** What each version accepts of what it is offered, as seen on the wire, and what it has no code for. */
const QEMU = [
  {
    version: '10.0',
    accepts: 0xf_ffffn,
    lacks: ProtocolFeature.INBAND_NOTIFICATIONS | ProtocolFeature.XEN_MMAP,
  },
  {
    version: '11.1',
    accepts: 0x6f_ffffn,
    lacks: ProtocolFeature.INBAND_NOTIFICATIONS | ProtocolFeature.XEN_MMAP,
  },
] as const;

function outlook({ version, accepts, lacks }: (typeof QEMU)[number], subject: Subject): QemuOutlook {
  const { facts, type, has, hasVirtio } = subject;
  // Only devices whose configuration the back end holds make use of CONFIG
  const unused = type === 'fs' ? ProtocolFeature.CONFIG : 0n;
  const accepted = facts.offered.protocolFeatures & accepts & ~unused;
  const blockers: string[] = [];
  if (!hasVirtio('LOG_ALL')) blockers.push('vhost lacks VHOST_F_LOG_ALL');
  if (!has('LOG_SHMFD')) blockers.push('vhost-user backend lacks VHOST_USER_PROTOCOL_F_LOG_SHMFD');
  if (type === 'fs' && !has('DEVICE_STATE'))
    blockers.push('no device state: the migration fails at switch-over');
  if ((accepted & ProtocolFeature.SHMEM_MAP) !== 0n) blockers.push('shared memory regions do not migrate');
  return { version, accepts: accepted, unimplemented: accepted & lacks, blockers };
}
