/** The front end's tests turn red where what they are there for is taken away. */
import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../support/planted.ts';

const STEPS = new URL('./vhost-user-front-end-steps.test.ts', import.meta.url);
const RINGS = new URL('./vhost-user-front-end-rings.test.ts', import.meta.url);
const HOSTILE = new URL('./vhost-user-front-end-hostile.test.ts', import.meta.url);
const folder = 'src/vhost-user/front-end/';

const FAULTS: readonly [what: string, file: URL, fault: Fault, red: RegExp][] = [
  [
    'the call descriptor is not sent at a restart',
    RINGS,
    {
      file: `${folder}rings.ts`,
      find: 'this.#channel.tell(Id.SET_VRING_CALL, payload, [ring.call]);',
      replace: '',
    },
    /are set up whole at every start/,
  ],
  [
    'the size of an inflight region is believed',
    STEPS,
    { file: `${folder}inflight.ts`, find: 'if (offset + size > stat.size)', replace: 'if (size < 0)' },
    /is not believed when it is larger than its file/,
  ],
  [
    'a back end may come back with less',
    RINGS,
    {
      file: `${folder}front-end.ts`,
      find: 'this.#connection.agreement.refuseLoss(agreement);',
      replace: '',
    },
    /with less than before is refused/,
  ],
  [
    'where a ring stopped is believed',
    RINGS,
    { file: `${folder}rings.ts`, find: 'if (!queue.accepts(whole))', replace: 'if (queue.size === 0)' },
    /a split ring that is ahead of its driver/,
  ],
  [
    "our own copy of the back end's end of the stream stays open",
    HOSTILE,
    { file: `${folder}device-state.ts`, find: 'using _theirs = theirs;', replace: '' },
    /a state that goes over a pipe of ours ends/,
  ],
  [
    'a region that could not be handed over stays open',
    HOSTILE,
    { file: `${folder}front-end.ts`, find: 'region[Symbol.dispose]();', replace: '' },
    /SET_INFLIGHT_FD, with version 2/,
  ],
];

for (const [what, file, fault, red] of FAULTS) test(what, () => assertTurnsRed(file, fault, red));
