import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { qemuArguments } from '../../../src/launch/index.ts';

/** The values of an option, in order. */
function values(args: readonly string[], option: string): string[] {
  return args.flatMap((arg, i) => (arg === option ? [args[i + 1] ?? ''] : []));
}

describe('the command line of a machine', () => {
  const args = qemuArguments(
    {
      machine: 'pc-q35-10.0',
      memory: 256,
      fs: [
        { socket: '/run/a,b', tag: 'one' },
        { socket: '/run/c', tag: 'two', queueSize: 128 },
      ],
      kernel: { image: 'k', initramfs: 'i', append: 'quiet' },
      further: ['-name', 'x'],
    },
    { qmp: '/run/q', console: '/run/log', serial: ['/run/agent'], incoming: 'defer', paused: true },
  );

  it('shares the guest’s memory with back ends', () => {
    assert.deepEqual(values(args, '-object'), ['memory-backend-memfd,id=ram,size=256M,share=on']);
    assert.deepEqual(values(args, '-machine'), ['pc-q35-10.0,memory-backend=ram']);
  });

  it('says the queue size of every file system, and doubles commas', () => {
    assert.deepEqual(values(args, '-chardev'), [
      'file,id=console,path=/run/log',
      'socket,id=serial1,path=/run/agent,server=on,wait=off',
      'socket,id=fs0,path=/run/a,,b',
      'socket,id=fs1,path=/run/c',
    ]);
    assert.deepEqual(values(args, '-device'), [
      'vhost-user-fs-pci,id=fsdev0,chardev=fs0,tag=one,queue-size=1024',
      'vhost-user-fs-pci,id=fsdev1,chardev=fs1,tag=two,queue-size=128',
    ]);
  });

  it('waits for a migration without running', () => {
    assert.deepEqual(values(args, '-incoming'), ['defer']);
    assert.ok(args.includes('-S'));
    assert.deepEqual(args.slice(-2), ['-name', 'x']);
    const plain = qemuArguments({ memory: 64 }, { qmp: '/run/q' });
    assert.ok(!plain.includes('-S') && !plain.includes('-incoming') && !plain.includes('-kernel'));
  });
});
