import { styleText } from 'node:util';
import { type BlkConfig, decodeBlkConfig, decodeNetConfig } from '../machine/index.ts';
import {
  type DeviceType,
  type ProbeFacts,
  type ProbeVerdict,
  protocolFeatureNames,
  type QemuOutlook,
  virtioFeatureNames,
} from '../vhost-user/index.ts';
import { formatSize } from './quantities.ts';

/** The tag of a virtio-fs device, padded with zeroes, and the number of its request queues. */
const FS_TAG = 36;
export const FS_CONFIG_LENGTH = FS_TAG + 4;

const SECTOR = 512;
const WIDTH = 100;
const INDENT = 18;

/** What was found, for programs. Feature words are hexadecimal text, since they have 64 bits. */
export function probeDocument(socket: string, facts: ProbeFacts, verdict: ProbeVerdict): object {
  const { offered, type, config, asked, trial } = facts;
  return {
    socket,
    asked: true,
    type: type ?? null,
    features: { bits: hex(offered.features), names: virtioFeatureNames(offered.features, type) },
    protocolFeatures: {
      bits: hex(offered.protocolFeatures),
      names: protocolFeatureNames(offered.protocolFeatures),
    },
    queues: offered.queues ?? null,
    memorySlots: offered.memorySlots ?? null,
    config:
      config === undefined ? null : { hex: Buffer.from(config).toString('hex'), ...decoded(type, config) },
    migration: {
      dirtyLog: verdict.dirtyLog,
      deviceState: verdict.deviceState,
      inflight: verdict.inflight,
      qemu: verdict.qemu.map(({ version, accepts, unimplemented, blockers }) => ({
        version,
        accepts: protocolFeatureNames(accepts),
        unimplemented: protocolFeatureNames(unimplemented),
        blockers,
      })),
    },
    trial: trial === undefined ? null : trial,
    findings: verdict.findings,
    requests: asked,
  };
}

/** What was found, for people: the verdict first. */
export function probeReport(socket: string, facts: ProbeFacts, verdict: ProbeVerdict): string {
  const { offered, type, config, asked, trial } = facts;
  const problems = verdict.findings.filter(({ severity }) => severity === 'problem');
  const headline =
    problems.length === 0
      ? styleText('green', 'Nothing stands in the way of a migration')
      : styleText('red', problems.length === 1 ? 'One problem' : `${problems.length} problems`);
  const lines = [
    `${headline}: ${type ?? 'device of unknown type'} at ${socket}`,
    ...verdict.findings.map(({ severity, message }) =>
      severity === 'problem'
        ? row(styleText('red', 'problem'.padEnd(INDENT)), message)
        : row(styleText('yellow', 'note'.padEnd(INDENT)), message),
    ),
    '',
    row(label('Virtio'), virtioFeatureNames(offered.features, type).join(' ')),
    row(label('Protocol'), protocolFeatureNames(offered.protocolFeatures).join(' ') || 'none'),
    row(label('Queues'), offered.queues === undefined ? 'it cannot say' : `up to ${offered.queues}`),
    row(label('Memory'), memory(offered.memorySlots)),
    row(label('Configuration'), describeConfig(type, config)),
    row(label('Dirty log'), verdict.dirtyLog ? 'yes' : 'no'),
    row(label('Device state'), verdict.deviceState ? 'yes' : 'no'),
    row(label('Inflight'), verdict.inflight ? 'yes, requests survive the back end' : 'no'),
    ...verdict.qemu.map((qemu) => row(label(`QEMU ${qemu.version}`), describeOutlook(qemu))),
    ...(trial?.steps ?? []).map(({ what, ok, found }) =>
      row(label(`Tried ${what}`), ok ? found : styleText('red', found)),
    ),
    row(label('Sent'), `${asked.join(' ')}${trial === undefined ? '; the device was not taken over' : ''}`),
  ];
  return `${lines.join('\n')}\n`;
}

function label(text: string): string {
  return text.padEnd(INDENT);
}

/** A label, and words behind it in as many lines as they take. */
function row(head: string, text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH - INDENT) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return head + lines.join(`\n${' '.repeat(INDENT)}`);
}

function memory(slots: number | undefined): string {
  return slots === undefined ? 'a table of at most 8 regions' : `up to ${slots} regions, one by one`;
}

function describeOutlook({ blockers, unimplemented }: QemuOutlook): string {
  const state = blockers.length === 0 ? 'migrates it' : `does not migrate it: ${blockers.join('; ')}`;
  const names = protocolFeatureNames(unimplemented).join(', ');
  return names === '' ? state : `${state}; accepts ${names} without implementing it`;
}

function describeConfig(type: DeviceType | undefined, config: Uint8Array | undefined): string {
  if (config === undefined) return type === undefined ? 'not asked for: --type says what it is' : 'none';
  if (type === 'blk') return describeDisk(decodeBlkConfig(config));
  if (type === 'net') {
    const { mac, queuePairs, mtu } = decodeNetConfig(config);
    return `MAC address ${mac}, ${queuePairs} queue pairs, MTU ${mtu}`;
  }
  const { tag, requestQueues } = decodeFsConfig(config);
  return `tag ${JSON.stringify(tag)}, ${requestQueues} request queue${requestQueues === 1 ? '' : 's'}`;
}

function describeDisk({ capacity, blockSize, queues, segMax }: BlkConfig): string {
  return `${formatSize(capacity * SECTOR)}, blocks of ${blockSize} bytes, ${queues} queue${queues === 1 ? '' : 's'}, ${segMax} segments`;
}

function decoded(type: DeviceType | undefined, config: Uint8Array): object {
  if (type === 'blk') return decodeBlkConfig(config);
  if (type === 'net') return decodeNetConfig(config);
  return type === 'fs' ? decodeFsConfig(config) : {};
}

function decodeFsConfig(config: Uint8Array): { tag: string; requestQueues: number } {
  const tag = config.subarray(0, FS_TAG);
  const end = tag.indexOf(0);
  const text = new TextDecoder().decode(tag.subarray(0, end < 0 ? FS_TAG : end));
  return { tag: text, requestQueues: new DataView(config.buffer, config.byteOffset).getUint32(FS_TAG, true) };
}

function hex(features: bigint): string {
  return `0x${features.toString(16)}`;
}
