/** Main streams that QEMU 10.0 and 11.1 wrote: all of them is read, and written again to the same bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MainStream, type StreamEvent } from '../../../src/qemu-stream/index.ts';
import { Golden, goldenVersions } from '../../support/engine/golden.ts';
import { read } from './streams.ts';

for (const version of goldenVersions)
  test(`main streams of QEMU ${version}`, () => {
    const golden = new Golden(version);
    for (const capture of golden.manifest.captures) {
      const bytes = golden.stream(capture, 'main');
      for (const cuts of [[], Array.from({ length: bytes.length / 997 }, (_, i) => (i + 1) * 997)]) {
        const { bytes: again, finished, error } = read(bytes, cuts);
        assert.equal(error, undefined, capture.name);
        assert.ok(finished, capture.name);
        assert.ok(again.equals(bytes), capture.name);
      }
      const { blocks, devices, flushes } = contents(bytes);
      assert.ok(blocks.length > 0, capture.name);
      assert.ok(flushes >= 2, capture.name);
      if (capture.machine === 'none') continue;
      assert.equal(devices.at(-1), 'globalstate');
      assert.ok(devices.length > 20 && devices.includes('0000:00:1f.0/ICH9LPC'));
    }
  });

function contents(bytes: Uint8Array): { blocks: string[]; devices: string[]; flushes: number } {
  const stream = new MainStream();
  stream.feed(bytes);
  const events: StreamEvent[] = [];
  for (let event = stream.next(); event !== undefined; event = stream.next()) events.push(event);
  return {
    blocks: events.flatMap((event) => (event.type === 'blocks' ? event.blocks.map(({ name }) => name) : [])),
    devices: events.flatMap((event) =>
      event.type === 'devices' ? event.sections.map(({ idstr }) => idstr) : [],
    ),
    flushes: events.filter(({ type }) => type === 'flush').length,
  };
}
