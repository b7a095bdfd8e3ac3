/** Whether KVM runs a guest. The device file may be there and a stock kernel still not start. */
import { access, constants } from 'node:fs/promises';
import { asError, DeadlineError } from '../errors.ts';
import type { Peer } from './peers.ts';
import { launchProcess } from './process.ts';
import { guestAppend, type Kernel, qemuArguments } from './qemu.ts';

/** Milliseconds: emulation needs three thousand, so what takes longer is no help. */
const deadline = 8000;
const success = 'this machine runs a guest';

/**
 * Why KVM cannot run this guest under this QEMU, or undefined when it can. The guest is booted and asked to reboot at
 * once, which takes a second where KVM works.
 *
 * @param folder for the machine's monitor socket
 */
export async function whyNoKvm(
  qemu: Peer,
  kernel: Omit<Kernel, 'append'>,
  folder: string,
): Promise<string | undefined> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch (error) {
    return asError(error).message;
  }
  let failure: string | undefined;
  await using child = await launchProcess({
    name: `QEMU ${qemu.version} with KVM`,
    command: [
      ...qemu.command,
      ...qemuArguments(
        {
          accelerator: 'kvm',
          memory: 256,
          kernel: { ...kernel, append: `${guestAppend} ferry.probe` },
          further: ['-no-reboot', '-serial', 'stdio'],
        },
        { qmp: `${folder}/kvm.qmp` },
      ),
    ],
    env: qemu.env,
    onLine: (line) => {
      if (!/KVM internal error|failed to initialize kvm/i.test(line)) return;
      failure = line.trim();
      child.kill('SIGKILL');
    },
  });
  try {
    const exit = await child.ended(deadline);
    if (child.tail.includes(success)) return undefined;
    return failure ?? `the guest did not start: QEMU ended with ${exit.signal ?? `exit code ${exit.code}`}`;
  } catch (error) {
    if (error instanceof DeadlineError)
      return `a guest that starts in 1 s did not within ${deadline / 1000} s`;
    throw error;
  }
}
