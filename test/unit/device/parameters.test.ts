/** Migration parameters of a device: what is in effect, what its state says of them, and who may load that. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parseInfo, readInfo } from '../../../src/compat/index.ts';
import { defineParameter, PACKED_RING } from '../../../src/device/index.ts';
import { MAX_LIST } from '../../../src/device/limits.ts';
import { type Section, StateWriter } from '../../../src/state/index.ts';
import { createPipe } from '../../../src/sys/index.ts';
import { VirtioFeature } from '../../../src/vhost-user/index.ts';
import { loadInto, MODEL, parametersOf, saved, WordDevice } from '../../support/device/parameters.ts';
import { assertTurnsRed } from '../../support/planted.ts';
import { framesOf } from '../../support/state-frames.ts';
import { fixture } from './diary.ts';

const list = (lines: string) => `a.com/word\n${lines}`;

describe('what a device says', () => {
  test('the list has what differs from its off value, the SDK’s parameters among it', () => {
    const { report } = parametersOf(new WordDevice())!;
    assert.equal(report.list, list('loud=on\npacked-ring=on\nstate-format=2\nwidth=4\n'));
    assert.equal(report.digest, createHash('sha256').update(report.list).digest('hex'));
    const quiet = parametersOf(new WordDevice({ loud: false }), { packed: false, stateFormat: 1 })!;
    assert.equal(quiet.report.list, list('width=4\n'));
  });

  test('packed rings are in effect as they are offered, and once there is a driver as it uses them', () => {
    const device = new WordDevice();
    const inUse = (negotiated: bigint, packed = true) =>
      parametersOf(device, { packed }, negotiated)!.list.parameters.get(PACKED_RING);
    const { VERSION_1, RING_PACKED } = VirtioFeature;
    assert.deepEqual([inUse(0n), inUse(0n, false)], ['on', undefined]);
    assert.deepEqual([inUse(VERSION_1), inUse(VERSION_1 | RING_PACKED)], [undefined, 'on']);
  });

  test('its document has no errors, a profile for each format, and a format that can be set while it runs', () => {
    const { info, findings } = readInfo(parametersOf(new WordDevice())!.details.info);
    assert.deepEqual(findings, []);
    const model = info!.models.get('a.com/word')!;
    assert.deepEqual([...model.profiles.keys()], ['v1', 'v2']);
    assert.equal(model.profiles.get('v1')!.get('state-format'), 1n);
    assert.deepEqual(
      [model.parameters.get('state-format')!.live, model.parameters.get('width')!.live],
      ['state', undefined],
    );
  });

  test('one that knows the first format alone has no parameter for it', () => {
    const older = parametersOf(new WordDevice(), { newestStateFormat: 1 })!;
    const model = parseInfo(older.details.info).models.get('a.com/word')!;
    assert.ok(!model.parameters.has('state-format'));
    assert.throws(() => older.set('state-format', '1'), { code: 'ERR_PARAMETERS_REFUSED' });
  });

  for (const [what, device, words] of [
    [
      'a value that its own document does not allow',
      new WordDevice({ width: 9n }),
      /width is 9 in effect, this device takes 1-8/,
    ],
    ['a parameter too many', new WordDevice({ depth: 1n }), /depth/],
    [
      'a parameter of the SDK’s',
      new WordDevice(
        {},
        {
          ...MODEL,
          parameters: new Map([
            ...MODEL.parameters,
            [PACKED_RING, defineParameter(PACKED_RING, { init: true, description: '' })],
          ]),
        },
      ),
      /packed-ring/,
    ],
  ] as const)
    test(`${what} is a mistake of the author, told before it is served`, () =>
      assert.throws(() => parametersOf(device), { code: 'ERR_DEVICE', message: words }));
});

describe('the state of a device', () => {
  test('in the first format is what it was before there were parameters, byte for byte', () => {
    const device = new WordDevice();
    const silent = new WordDevice({}, 'none');
    assert.deepEqual(saved(device, parametersOf(device, { stateFormat: 1 })), saved(silent));
  });

  test('in the second format begins with the list, and is otherwise the same', () => {
    const device = new WordDevice();
    const state = Buffer.from(saved(device));
    const { report } = parametersOf(device)!;
    const at = state.indexOf(report.list);
    assert.equal(state.readUInt32LE(at - 36), report.list.length);
    assert.equal(state.toString('hex', at - 32, at), report.digest);
    assert.equal(
      state.toString('latin1', 80 + 24, 80 + 24 + 17),
      'ferry.parameters\0',
      'right after the opening',
    );
    const first = saved(device, parametersOf(device, { stateFormat: 1 }));
    const own = (bytes: Uint8Array) => framesOf(bytes).filter(({ kind }) => kind === 2);
    assert.deepEqual(
      own(state).map(({ name }) => name),
      ['ferry.parameters', ...own(first).map(({ name }) => name)],
    );
  });

  test('in the second format is written and read as the kept one', () => {
    const kept = new URL('../../vectors/state/with-parameters.hex', import.meta.url);
    const golden = Buffer.from(readFileSync(kept, 'utf8').replaceAll(/#.*|\s/g, ''), 'hex');
    const [source, destination] = [new WordDevice(), new WordDevice()];
    source.word = 7;
    assert.deepEqual(Buffer.from(saved(source)), golden);
    loadInto(destination, new Uint8Array(golden));
    assert.equal(destination.word, 7);
  });

  for (const [what, here, there] of [
    ['with the same parameters', {}, {}],
    ['in the first format, into one that writes the second', { stateFormat: 1 }, {}],
    ['in the first format, into one that knows no other', { stateFormat: 1 }, { newestStateFormat: 1 }],
    [
      'of one that knows the first format alone, into one that writes the second',
      { newestStateFormat: 1 },
      {},
    ],
    ['in the second format, into one that writes the first', {}, { stateFormat: 1 }],
  ] as const)
    test(`goes ${what}`, () => {
      const [source, destination] = [new WordDevice(), new WordDevice()];
      source.word = 7;
      loadInto(destination, saved(source, parametersOf(source, here)), parametersOf(destination, there));
      assert.equal(destination.word, 7);
    });

  test('in the second format is refused by name where only the first is known', () => {
    const older = new WordDevice();
    assert.throws(
      () => loadInto(older, saved(new WordDevice()), parametersOf(older, { newestStateFormat: 1 })),
      { code: 'ERR_STATE_SECTION', message: /ferry\.parameters is required and unknown here/ },
    );
  });

  for (const [what, values, settings, words] of [
    ['another value', { width: 5n }, {}, /width is 4 at the source, this device takes 5$/],
    ['less than there was', { loud: false }, {}, /loud is on at the source, this device takes off$/],
    ['split rings alone', {}, { packed: false }, /packed-ring is on at the source, this device takes off$/],
    ['two that differ', { width: 5n, loud: false }, {}, /loud is on.*; width is 4/],
  ] as const)
    test(`is refused by name by a device with ${what}, before that looks at it`, () => {
      const destination = new WordDevice(values, narrowTo(values));
      assert.throws(
        () => loadInto(destination, saved(new WordDevice()), parametersOf(destination, settings)),
        {
          code: 'ERR_STATE_PARAMETERS',
          message: words,
        },
      );
      assert.deepEqual([destination.loads, destination.word], [0, 0]);
    });

  test('planted: a list that is not compared turns red', () =>
    assertTurnsRed(
      new URL(import.meta.url),
      {
        file: 'src/device/state-exchange.ts',
        find: 'if (list !== undefined) parameters?.verify(list);',
        replace: '',
      },
      /is refused by name by a device with another value/,
    ));
});

/** The model of an instance that takes these values alone. */
function narrowTo(values: Readonly<Record<string, unknown>>) {
  const parameters = new Map(MODEL.parameters);
  if ('width' in values)
    parameters.set('width', {
      ...parameters.get('width')!,
      init: 5n,
      domain: { kind: 'int', intervals: [{ min: 5n, max: 5n }] },
    });
  if ('loud' in values)
    parameters.set('loud', {
      ...parameters.get('loud')!,
      init: false,
      domain: { kind: 'bool', on: false, off: true },
    });
  return { ...MODEL, parameters };
}

describe('records of parameters that cannot be', () => {
  const section: Section = { name: 'ferry.parameters', version: 1, required: true };
  const word: Section = { name: 'word', version: 1, required: true };
  const good = list('loud=on\npacked-ring=on\nstate-format=2\nwidth=4\n');

  function record(
    text: string | Uint8Array,
    { digest, length }: { digest?: string; length?: number } = {},
  ): Uint8Array {
    const bytes = Buffer.from(text);
    const head = Buffer.alloc(36);
    head.writeUInt32LE(length ?? bytes.length);
    head.write(digest ?? createHash('sha256').update(bytes).digest('hex'), 4, 'hex');
    return Buffer.concat([head, bytes]);
  }

  function state(...records: (readonly [Section, Uint8Array])[]): Uint8Array {
    const pieces: Uint8Array[] = [];
    const writer = new StateWriter(
      { write: (bytes) => void pieces.push(bytes.slice()) },
      { device: 'word', virtioId: 60, stateVersion: 1, features: 0n },
    );
    for (const [one, payload] of records) writer.write(one, payload);
    writer.close();
    return new Uint8Array(Buffer.concat(pieces));
  }

  test('a good one is taken', () => {
    const device = new WordDevice();
    loadInto(device, state([section, record(good)], [word, Uint8Array.of(3)]));
    assert.equal(device.word, 3);
  });

  const first: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['nothing', new Uint8Array(0), /0 bytes, expected at least 36/],
    ['half a head', new Uint8Array(35), /35 bytes/],
    ['a list longer than the record', record(good, { length: good.length + 1 }), /a list of/],
    ['a list shorter than the record', record(good, { length: 3 }), /a list of 3 bytes/],
    ['a list beyond the limit', record(new Uint8Array(MAX_LIST + 1).fill(0x61)), /at most 65536/],
    ['a length beyond everything', record(good, { length: 0xffffffff }), /at most 65536/],
    ['bytes that are no text', record(Uint8Array.of(0xff, 0xfe)), /no list/],
    ['text without an end', record(good.slice(0, -1)), /no list: .*newline/],
    ['no model', record('\nwidth=4\n'), /no list/],
    ['a line that is no parameter', record(list('width\n')), /no list/],
    ['a parameter twice', record(list('width=4\nwidth=4\n')), /no list: .*twice/],
    ['another order', record(list('width=4\nloud=on\n')), /sorted by name/],
    ['another digest', record(good, { digest: '0'.repeat(64) }), /digest is of another list/],
    ['another model', record(good.replace('a.com', 'b.com')), /b\.com\/word/],
    [
      'an unknown parameter',
      record(list('loud=on\npacked-ring=on\nstate-format=2\ntso=on\nwidth=4\n')),
      /tso/,
    ],
  ];
  for (const [what, payload, words] of first)
    test(`${what} is refused by name, and nothing is built`, () => {
      const device = new WordDevice();
      assert.throws(() => loadInto(device, state([section, payload], [word, Uint8Array.of(3)])), {
        name: 'StateError',
        message: words,
      });
      assert.equal(device.loads, 0);
    });

  for (const [what, records, words] of [
    [
      'twice',
      [
        [section, record(good)],
        [section, record(good)],
      ],
      /comes twice/,
    ],
    [
      'not first',
      [
        [word, Uint8Array.of(3)],
        [section, record(good)],
      ],
      /not the first record/,
    ],
    ['of a later version', [[{ ...section, version: 2 }, record(good)]], /in version 2, known here up to 1/],
  ] as const)
    test(`one that comes ${what} is refused by name`, () =>
      assert.throws(() => loadInto(new WordDevice(), state(...records)), {
        name: 'StateError',
        message: words,
      }));

  test('a device without parameters refuses any', () => {
    const device = new WordDevice({}, 'none');
    assert.throws(() => loadInto(device, state([section, record(good)])), { code: 'ERR_STATE_SECTION' });
  });
});

describe('parameters of a running device', () => {
  test('the format of its state can be set; nothing else, and to nothing else', () => {
    const parameters = parametersOf(new WordDevice())!;
    parameters.set('state-format', '1');
    assert.ok(!parameters.list.parameters.has('state-format') && !parameters.writesLists);
    for (const [name, value, words] of [
      ['state-format', '3', /expected 1-2/],
      ['state-format', 'on', /expected 1-2/],
      ['width', '4', /does not change while the device runs/],
      ['depth', '4', /no migration parameter of a\.com\/word/],
    ] as const)
      assert.throws(() => parameters.set(name, value), { code: 'ERR_PARAMETERS_REFUSED', message: words });
    parameters.set('state-format', '2');
    assert.ok(parameters.writesLists);
  });

  test('a freeze holds for its time or until a thaw, and wants to know what it is about', (t) => {
    t.mock.timers.enable({ apis: ['Date'] });
    let now = 1_000_000;
    t.mock.method(performance, 'now', () => now);
    const parameters = parametersOf(new WordDevice())!;
    assert.throws(() => parameters.freeze('0'.repeat(64), 5), { code: 'ERR_PARAMETERS_DIFFER' });
    parameters.freeze(parameters.report.digest, 5);
    assert.ok(parameters.report.frozen);
    assert.throws(() => parameters.set('state-format', '1'), { code: 'ERR_PARAMETERS_FROZEN' });
    now += 5_001;
    assert.ok(!parameters.report.frozen);
    parameters.set('state-format', '1');
    parameters.freeze(parameters.report.digest, 5);
    assert.deepEqual([parameters.thaw(), parameters.thaw()], [true, false]);
    parameters.set('state-format', '2');
  });

  test('nothing is set while state is transferred, also when that waits to be checked', () => {
    using f = fixture({}, new WordDevice());
    const { read, write } = createPipe('state');
    using _read = read;
    f.instance.beginTransfer(f.session, 'save', write);
    const refused = { code: 'ERR_TRANSFER_RUNNING' };
    assert.throws(() => f.instance.setParameter('state-format', '1'), refused);
    f.instance.tick();
    assert.throws(() => f.instance.setParameter('state-format', '1'), refused);
    f.instance.checkTransfer(f.session);
    assert.match(
      f.instance.setParameter('state-format', '1').list,
      /^a\.com\/word\nloud=on\npacked-ring=on\nwidth=4\n$/,
    );
    assert.equal(f.instance.status.migration?.frozen, false);
  });

  test('a device without any says so', () => {
    using f = fixture();
    assert.equal(f.instance.status.migration, null);
    const none = { code: 'ERR_PARAMETERS_NONE' };
    assert.throws(() => f.instance.parameters, none);
    assert.throws(() => f.instance.setParameter('state-format', '1'), none);
  });
});
