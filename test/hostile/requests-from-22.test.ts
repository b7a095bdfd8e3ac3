/** Requests from 22 on in every bad form that is known, to an fs device in a process of its own. */
import { TABLES } from './requests/index.ts';
import { play } from './runner.ts';
import { serveFs } from './served-device.ts';

play(
  serveFs,
  TABLES.filter(({ request }) => request > 21),
);
