import { commandId } from './commands.ts';
import { RamFlag, SectionType, STREAM_MAGIC, STREAM_VERSION } from './constants.ts';
import type { ConfigurationSubsection, StreamBlock, StreamEvent } from './events.ts';

/** The bytes of `event`, as QEMU writes them: all events of a stream make the stream again. */
export function encodeEvent(event: StreamEvent): Uint8Array {
  switch (event.type) {
    case 'prologue':
      return Buffer.concat([
        u32(STREAM_MAGIC),
        u32(STREAM_VERSION),
        u8(SectionType.configuration),
        u32(event.machine.length),
        text(event.machine),
        ...event.subsections.map(subsection),
      ]);
    case 'command':
      return Buffer.concat([
        u8(SectionType.command),
        u16(commandId(event.name)),
        u16(event.data.length),
        event.data,
      ]);
    case 'start':
      return sectionHead(SectionType.start, event);
    case 'part':
    case 'end':
      return Buffer.concat([u8(SectionType[event.type]), u32(event.id)]);
    case 'footer':
      return footer(event.id);
    case 'blocks':
      return Buffer.concat([
        word(event.total, RamFlag.memSize),
        ...event.blocks.flatMap(({ name, length, guestAddress }) => [
          named(name),
          word(length, 0),
          ...(guestAddress === undefined ? [] : [word(guestAddress, 0)]),
        ]),
      ]);
    case 'zero-pages':
      return Buffer.concat(
        Array.from(event.offsets.subarray(0, event.count)).flatMap((offset, i) => [
          page(RamFlag.zero, offset, event.block, event.named && i === 0),
          u8(0),
        ]),
      );
    case 'page':
      return Buffer.concat([page(RamFlag.page, event.offset, event.block, event.named), event.bytes]);
    case 'xbzrle':
      return Buffer.concat([
        page(RamFlag.xbzrle, event.offset, event.block, event.named),
        u8(1),
        u16(event.bytes.length),
        event.bytes,
      ]);
    case 'flush':
      return word(0, RamFlag.multifdFlush);
    case 'end-of-ram':
      return word(0, RamFlag.endOfSection);
    case 'devices':
      return Buffer.concat([
        ...event.sections.flatMap((section) => [
          sectionHead(SectionType.full, section),
          section.body,
          footer(section.id),
        ]),
        u8(SectionType.eof),
        u8(SectionType.description),
        u32(event.description.length),
        event.description,
      ]);
  }
}

function subsection(one: ConfigurationSubsection): Uint8Array {
  const head = [u8(SectionType.subsection), named(`configuration/${one.name}`), u32(1)];
  switch (one.name) {
    case 'target-page-bits':
      return Buffer.concat([...head, u32(one.bits)]);
    case 'capabilities':
      return Buffer.concat([...head, u32(one.capabilities.length), ...one.capabilities.map(named)]);
    case 'uuid':
      return Buffer.concat([...head, one.uuid]);
  }
}

function sectionHead(
  type: number,
  section: { id: number; idstr: string; instance: number; version: number },
): Uint8Array {
  return Buffer.concat([
    u8(type),
    u32(section.id),
    named(section.idstr),
    u32(section.instance),
    u32(section.version),
  ]);
}

function footer(id: number): Uint8Array {
  return Buffer.concat([u8(SectionType.footer), u32(id)]);
}

function page(flag: number, offset: number, block: StreamBlock, isNamed: boolean): Uint8Array {
  if (!isNamed) return word(offset, flag | RamFlag.continued);
  return Buffer.concat([word(offset, flag), named(block.name)]);
}

function named(name: string): Uint8Array {
  return Buffer.concat([u8(name.length), text(name)]);
}

function text(value: string): Uint8Array {
  return Buffer.from(value, 'latin1');
}

/** A u64 of which `value` has the upper bits and `flags` the lowest. */
function word(value: number, flags: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value) + BigInt(flags));
  return bytes;
}

function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

function u16(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
