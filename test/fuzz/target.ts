/**
 * The frame of every fuzz target: kept cases first, then new ones for as long as FERRY_FUZZ_SECONDS says. Everything a
 * case does follows from its `Draw`, so that the bytes drawn are the case. `npm run fuzz` keeps the ones that fail.
 */
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Draw } from './draw.ts';

export { Draw } from './draw.ts';

/** One case; throws where something is wrong. */
type Case = (draw: Draw) => void | Promise<void>;
/** Runs cases until the time is up. Whoever calls it has set up what all of them share. */
export type Loop = (one: Case) => Promise<void>;

const seconds = Number(process.env.FERRY_FUZZ_SECONDS ?? 3);
const seed = Number(process.env.FERRY_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** What making a failing case smaller may take, in milliseconds. */
const SHRINKING = 10_000;

/** Declare the target `name`; its kept cases are the hex files in `cases/<name>/`. */
export function fuzz(name: string, body: (loop: Loop) => void | Promise<void>): void {
  test(`${name}, fuzzed`, async (t) => {
    t.diagnostic(`FERRY_FUZZ_SEED=${seed}`);
    let count = 0;
    const loop: Loop = async (one) => {
      for (const path of keptCases(name)) await attempt(path, one, Draw.replay(readCase(path)));
      const end = performance.now() + seconds * 1000;
      for (; performance.now() < end || count === 0; count++) {
        const draw = Draw.fresh(seed + count);
        const what = `FERRY_FUZZ_SEED=${seed + count}`;
        await attempt(what, one, draw, (error) => report(name, what, one, draw, error));
      }
    };
    await body(loop);
    t.diagnostic(`${count} cases`);
  });
}

async function attempt(
  what: string,
  one: Case,
  draw: Draw,
  failed: (error: unknown) => Promise<never> = (error) => Promise.reject(failure(what, error)),
): Promise<void> {
  try {
    await one(draw);
  } catch (error) {
    await failed(error);
  }
}

async function report(name: string, what: string, one: Case, draw: Draw, error: unknown): Promise<never> {
  const found = await shrink(one, draw.bytes);
  const hex = Buffer.from(found)
    .toString('hex')
    .replaceAll(/.{1,110}/g, '$&\n');
  if (process.env.FERRY_FUZZ_KEEP !== '1') throw failure(`${what}, which is\n${hex}`, error);
  const folder = fileURLToPath(new URL(`cases/${name}/`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  const path = `${folder}${createHash('sha256').update(found).digest('hex').slice(0, 12)}.hex`;
  writeFileSync(path, `# ${String(error).split('\n')[0]}\n${hex}`);
  throw failure(`${what}, kept as ${path}`, error);
}

function failure(what: string, cause: unknown): Error {
  return new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

/** A smaller case that fails as well, by cutting pieces out and setting bytes to 0; the same one where none is found. */
async function shrink(one: Case, bytes: Uint8Array): Promise<Uint8Array> {
  const fails = async (candidate: Uint8Array): Promise<boolean> => {
    try {
      await one(Draw.replay(candidate));
      return false;
    } catch {
      return true;
    }
  };
  // What the failure left behind makes every case fail: nothing can be learned from trying
  if (await fails(new Uint8Array(0))) return bytes;
  let smallest = bytes;
  const end = performance.now() + SHRINKING;
  for (let piece = bytes.length >> 1; piece > 0 && performance.now() < end; piece >>= 1)
    for (let at = 0; at < smallest.length && performance.now() < end; ) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + piece)]);
      const zeroed = smallest.slice().fill(0, at, at + piece);
      if (await fails(shorter)) smallest = new Uint8Array(shorter);
      else {
        if (!Buffer.from(zeroed).equals(smallest) && (await fails(zeroed))) smallest = zeroed;
        at += piece;
      }
    }
  return smallest;
}

function keptCases(name: string): string[] {
  return globSync(fileURLToPath(new URL(`cases/${name}/*.hex`, import.meta.url))).sort();
}

function readCase(path: string): Uint8Array {
  const hex = readFileSync(path, 'utf8').replaceAll(/#.*|\s/g, '');
  if (!/^([0-9a-f]{2})*$/.test(hex))
    throw new Error(`${basename(path)} is not a case: hex bytes, # for comments`);
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
