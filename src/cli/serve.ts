import type { Command } from 'commander';
import { addBlkCommand } from './serve-blk.ts';
import { addFsCommand } from './serve-fs.ts';

/** `ferry serve`: a vhost-user device in a process of its own. */
export function addServeCommand(program: Command): void {
  const serveCommand = program
    .command('serve')
    .summary('serve a device to QEMU or another vhost-user front end')
    .description('Serve a device to QEMU or another vhost-user front end, in the foreground.');
  addFsCommand(serveCommand, program);
  addBlkCommand(serveCommand, program);
}
