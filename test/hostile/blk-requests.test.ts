/** Requests that only a device answers which keeps note of requests in flight. */
import { BLK_TABLES } from './requests/index.ts';
import { play } from './runner.ts';
import { serveBlk } from './served-device.ts';

play(serveBlk, BLK_TABLES);
