import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { GuestMemory, mapRegion, type Region } from '../../src/memory/index.ts';
import { createMemfd, type Fd, liveResources, mapShared, PAGE_SIZE, Seal } from '../../src/sys/index.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

function region(
  fd: Fd,
  guestAddress: number,
  size: number,
  userAddress = guestAddress,
  fileOffset = 0,
): Region {
  return mapRegion(fd, { guestAddress, size, userAddress, fileOffset });
}

/** Hold `more` beside what `memory` holds. */
function add(memory: GuestMemory, more: Region): void {
  memory.exchange([...memory.regions, more]);
}

test('a region shows its part of the file, at any offset and of any size', () => {
  using fd = createMemfd('guest', 4 * PAGE_SIZE);
  using file = mapShared(fd, 0, 4 * PAGE_SIZE);
  for (let i = 0; i < file.bytes.length; i++) file.bytes[i] = i % 251;
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4 * PAGE_SIZE - 1 }),
      fc.integer({ min: 1, max: 4 * PAGE_SIZE }),
      (offset, length) => {
        const size = Math.min(length, 4 * PAGE_SIZE - offset);
        using mapped = region(fd, 0x7000, size, 0x7f0000001234, offset);
        assert.deepEqual(mapped.bytes, file.bytes.slice(offset, offset + size));
      },
    ),
  );
});

test('the last page of a file that is no whole number of pages can be mapped', () => {
  using fd = createMemfd('odd', 0x3b10);
  using mapped = region(fd, 0x1000, 0x3b10);
  assert.equal(mapped.bytes.length, 0x3b10);
  assert.throws(() => region(fd, 0x1000, 0x3b11), { code: 'ERR_BEYOND_END' });
});

test('impossible regions are refused before anything is mapped', () => {
  using fd = createMemfd('guest', PAGE_SIZE);
  assert.throws(() => region(fd, 0, 0), { code: 'ERR_REGION' });
  assert.throws(() => region(fd, 2 ** 53 - 4096, 8192), { code: 'ERR_REGION' });
  assert.throws(() => region(fd, 0, PAGE_SIZE, 2 ** 53 - 1), { code: 'ERR_REGION' });
  assert.throws(() => region(fd, 0, PAGE_SIZE, 0, 2 ** 53 - 1), { code: 'ERR_REGION' });
  assert.throws(() => region(fd, 0, PAGE_SIZE, 0, 1), { code: 'ERR_BEYOND_END' });
});

test('a file that can still be shrunk is warned of, a sealed one is not', () => {
  using fd = createMemfd('guest', PAGE_SIZE);
  const warnings: string[] = [];
  const place = { guestAddress: 0, size: PAGE_SIZE, userAddress: 0, fileOffset: 0 };
  mapRegion(fd, place, (message) => warnings.push(message))[Symbol.dispose]();
  assert.equal(warnings.length, 1);
  fd.addSeals(Seal.shrink);
  mapRegion(fd, place, (message) => warnings.push(message))[Symbol.dispose]();
  assert.equal(warnings.length, 1);
});

test('several regions of one file are found by guest and by user address', () => {
  using fd = createMemfd('guest', 1 << 20);
  using memory = new GuestMemory(8);
  const user = 0x7f12_0000_0000;
  add(memory, region(fd, 0x100000, 0x40000, user + 0x100000, 0xc0000));
  add(memory, region(fd, 0, 0xc0000, user));
  assert.equal(memory.find(0)?.size, 0xc0000);
  assert.equal(memory.find(0xbffff)?.size, 0xc0000);
  assert.equal(memory.find(0xc0000), undefined);
  assert.equal(memory.find(0xfffff), undefined);
  assert.equal(memory.find(0x100000)?.size, 0x40000);
  assert.equal(memory.find(0x13ffff)?.size, 0x40000);
  assert.equal(memory.find(0x140000), undefined);
  assert.equal(memory.find(2 ** 60), undefined);
  using file = mapShared(fd, 0, 1 << 20);
  file.bytes[0xbfff0] = 1;
  file.bytes[0xc0000 + 0x3fff0] = 2;
  assert.deepEqual([...memory.viewUser(user + 0xbfff0, 2)!], [1, 0]);
  assert.equal(memory.viewUser(user + 0xbfff0, 17), undefined);
  assert.deepEqual([...memory.viewUser(user + 0x13fff0, 2)!], [2, 0]);
  assert.equal(memory.viewUser(0x1000, 1), undefined);
});

test('overlap in either address space is refused and changes nothing', () => {
  using fd = createMemfd('guest', 1 << 20);
  using memory = new GuestMemory(8);
  add(memory, region(fd, 0x1000, 0x2000, 0x9000));
  for (const [guest, user] of [
    [0x2fff, 0x20000],
    [0x0, 0x20000],
    [0x20000, 0xafff],
    [0x20000, 0x8000],
  ] as const) {
    using other = region(fd, guest, 0x2000, user);
    const { generation } = memory;
    assert.throws(() => add(memory, other), { code: 'ERR_OVERLAP' });
    assert.throws(() => memory.exchange([other, memory.regions[0]!]), { code: 'ERR_OVERLAP' });
    assert.equal(memory.regions.length, 1);
    assert.equal(memory.generation, generation);
  }
  add(memory, region(fd, 0x3000, 0x2000, 0xb000));
  assert.equal(memory.regions.length, 2);
});

test('a region is named only by its exact place, and the number of regions is bounded', () => {
  using fd = createMemfd('guest', 1 << 20);
  using memory = new GuestMemory(2);
  add(memory, region(fd, 0x1000, 0x1000, 0x9000));
  add(memory, region(fd, 0x5000, 0x1000, 0xd000));
  using third = region(fd, 0x8000, 0x1000, 0x20000);
  assert.throws(() => add(memory, third), { code: 'ERR_TOO_MANY_REGIONS' });
  const place = { guestAddress: 0x1000, userAddress: 0x9000, size: 0x1000 };
  assert.equal(memory.find(0x1000)?.size, 0x1000);
  for (const wrong of [{ guestAddress: 0x1001 }, { userAddress: 0x9001 }, { size: 0xfff }])
    assert.throws(() => memory.region({ ...place, ...wrong }), { code: 'ERR_NO_REGION' });
  const { generation } = memory;
  const gone = memory.region(place);
  memory.exchange(memory.regions.filter((other) => other !== gone));
  gone[Symbol.dispose]();
  assert.notEqual(memory.generation, generation);
  assert.equal(memory.find(0x1000), undefined);
  assert.throws(() => memory.region(place), { code: 'ERR_NO_REGION' });
});

test('an exchanged table gives back what was there', () => {
  using fd = createMemfd('guest', 1 << 20);
  using memory = new GuestMemory(4);
  add(memory, region(fd, 0, 0x1000));
  const mappings = liveResources().length;
  const before = memory.exchange([region(fd, 0x4000, 0x1000)]);
  assert.equal(before.length, 1);
  for (const one of before) one[Symbol.dispose]();
  assert.equal(liveResources().length, mappings);
  assert.equal(memory.find(0), undefined);
  assert.equal(memory.find(0x4000)?.size, 0x1000);
});

test('a region of many gigabytes is seen through windows without a gap', () => {
  const gigabyte = 2 ** 30;
  using fd = createMemfd('large', 5 * gigabyte);
  using memory = new GuestMemory(1);
  add(memory, region(fd, gigabyte + 4096, 5 * gigabyte - 512, 0x1000, 512));
  const seen: number[] = [];
  let at = gigabyte + 4096;
  for (let window = memory.find(at); window !== undefined; window = memory.find(at)) {
    assert.equal(window.guestAddress, at);
    assert.equal(window.bytes.length, window.size);
    seen.push(window.size);
    at = window.end;
  }
  assert.equal(at, gigabyte + 4096 + 5 * gigabyte - 512);
  assert.ok(seen.every((size) => size <= gigabyte));
  memory.find(at - 1)!.bytes[memory.find(at - 1)!.size - 1] = 42;
  assert.equal(memory.viewUser(0x1000 + 5 * gigabyte - 513, 1)![0], 42);
});
