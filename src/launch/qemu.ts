/** A vhost-user file system: the back end listens on `socket`. */
export interface FsDevice {
  readonly socket: string;
  readonly tag: string;
  /**
   * Descriptors in each queue. Both sides of a migration must say the same, and the default is not the same in every
   * QEMU: 1024 unless given.
   */
  readonly queueSize?: number;
}

export interface Kernel {
  readonly image: string;
  readonly initramfs: string;
  /** The kernel's command line. */
  readonly append: string;
}

export interface QemuMachine {
  /** A versioned machine type, the same on both sides of a migration; `q35`, this QEMU's newest, unless given. */
  readonly machine?: string;
  readonly accelerator?: 'tcg' | 'kvm';
  /** MiB. */
  readonly memory: number;
  readonly cpus?: number;
  readonly kernel?: Kernel;
  readonly fs?: readonly FsDevice[];
  /** Further arguments, after all others. */
  readonly further?: readonly string[];
}

export interface QemuStart {
  /** Unix socket of the monitor, which QEMU listens on. */
  readonly qmp: string;
  /** File that the first serial port, the kernel's console, writes to. */
  readonly console?: string;
  /** Unix sockets of the second and further serial ports, which QEMU listens on. */
  readonly serial?: readonly string[];
  /** Wait for a migration: `defer`, or an address. */
  readonly incoming?: string;
  /** Do not start the guest. */
  readonly paused?: boolean;
}

/** The arguments that make `machine`, to come after a peer's `command`. */
export function qemuArguments(machine: QemuMachine, start: QemuStart): string[] {
  const { memory, cpus = 1, accelerator = 'tcg', kernel, fs = [] } = machine;
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-machine', `${machine.machine ?? 'q35'},memory-backend=ram`, '-accel', accelerator],
    ...['-m', `${memory}M`, '-smp', String(cpus)],
    ...['-object', `memory-backend-memfd,id=ram,size=${memory}M,share=on`],
    ...['-qmp', `unix:${path(start.qmp)},server=on,wait=off`],
    ...(start.console === undefined ? [] : serial('console', `file,path=${path(start.console)}`)),
    ...(start.serial ?? []).flatMap((socket, i) =>
      serial(`serial${i + 1}`, `socket,path=${path(socket)},server=on,wait=off`),
    ),
    ...fs.flatMap(fsDevice),
    ...(kernel ? ['-kernel', kernel.image, '-initrd', kernel.initramfs, '-append', kernel.append] : []),
    ...(start.incoming === undefined ? [] : ['-incoming', start.incoming]),
    ...(start.paused ? ['-S'] : []),
    ...(machine.further ?? []),
  ];
}

/**
 * What a guest's kernel should be told so that it boots fast on an emulated processor: no work-arounds for processors,
 * no self-tests, no certificates, no calibration. A panic reboots at once, which the agent's host sees.
 */
export const guestAppend = [
  'console=ttyS0 quiet loglevel=4 panic=-1',
  'mitigations=off nokaslr tsc=reliable no_timer_check random.trust_cpu=on',
  `initcall_blacklist=${[
    'jent_mod_init',
    'trace_eval_init',
    'load_system_certificate_list',
    'bpf_tcp_ca_kfunc_init',
    'bpf_dummy_struct_ops_init',
  ].join(',')}`,
].join(' ');

function serial(id: string, backend: string): string[] {
  const [kind, ...options] = backend.split(',');
  return ['-chardev', [kind, `id=${id}`, ...options].join(','), '-serial', `chardev:${id}`];
}

function fsDevice({ socket, tag, queueSize = 1024 }: FsDevice, i: number): string[] {
  return [
    ...['-chardev', `socket,id=fs${i},path=${path(socket)}`],
    ...['-device', `vhost-user-fs-pci,id=fsdev${i},chardev=fs${i},tag=${path(tag)},queue-size=${queueSize}`],
  ];
}

/** In QEMU's option lists a comma is doubled. */
function path(value: string): string {
  return value.replaceAll(',', ',,');
}
