/** Faults of the device room that would lose or double a guest's requests: the tests beside this file notice. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const beside = (name: string) => new URL(`./${name}.test.ts`, import.meta.url);

test('parked requests that are forgotten turn the example’s move red', () =>
  assertTurnsRed(
    beside('example'),
    {
      file: 'src/device/ring-worker.ts',
      find: 'const parked = [...this.#deferred].map(({ chain }) => queue.park(chain));',
      replace: 'const parked: ParkedRequest[] = [];',
    },
    /a move takes total and waiting requests along/,
  ));

const instance = new URL('../../unit/device/instance-requests.test.ts', import.meta.url);

test('requests that are parked while they are still worked on turn red', () =>
  assertTurnsRed(
    instance,
    { file: 'src/device/rings.ts', find: 'this.#device.halt?.(index)', replace: 'undefined' },
    /halted before they are parked/,
  ));

test('memory that goes under requests turns red', () =>
  assertTurnsRed(
    instance,
    { file: 'src/device/instance.ts', find: 'if (waiting > 0)', replace: 'if (false)' },
    /memory goes when requests under way elsewhere/,
  ));

test('a connection that was lost and goes on by what was completed turns red', () =>
  assertTurnsRed(
    instance,
    {
      file: 'src/device/driver-state.ts',
      find: 'return base === completedBase(stop) && !isUntouched(stop) ? stop.base : bothSides(kind, base);',
      replace: 'return base;',
    },
    /goes on where its ring stood/,
  ));

test('unfinished requests of a process that died, passed over, turn red', () =>
  assertTurnsRed(
    instance,
    { file: 'src/device/driver-state.ts', find: 'if (unfinished.length > 0)', replace: 'if (false)' },
    /kept note of comes before all else/,
  ));

test('a loaded state that is taken before it was checked turns the hostile loads red', () =>
  assertTurnsRed(
    new URL('../../hostile/state-load.test.ts', import.meta.url),
    {
      file: 'src/device/transfers.ts',
      find: 'if (transfer.failure === undefined) this.#loaded = loaded;',
      replace: 'if (transfer.failure === undefined) loaded.staged.commit();',
    },
    /RESET_DEVICE between the state and its check/,
  ));

test('a fence that fences nothing turns red', () =>
  assertTurnsRed(
    beside('serve'),
    {
      file: 'src/device/instance.ts',
      find: 'if (this.#epoch !== undefined)',
      replace: 'if (this.#epoch === -1)',
    },
    /committed elsewhere does not start here again/,
  ));

test('a channel that is not looked at again before messages are heard turns red', () =>
  assertTurnsRed(
    new URL('../../unit/device/transfer.test.ts', import.meta.url),
    { file: 'src/device/transfer.ts', find: 'if (this.#own.wait(0) > 0) return;', replace: '' },
    /is not heard before its end is seen/,
  ));
