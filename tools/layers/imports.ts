/** The rules about what a file may import: floors, doors, kept packages. */
import { posix } from 'node:path';
import { everyones, floors, keptPackages, type Place, placeOf } from './floors.ts';

/** What is wrong with an import, as rule and message. */
export interface Objection {
  readonly rule: string;
  readonly message: string;
}

/** Objections to `from` (path in the repository) importing `specifier`. */
export function checkImport(from: string, specifier: string): Objection[] {
  if (specifier.startsWith('.')) return checkRelative(from, posix.join(posix.dirname(from), specifier));
  const objections: Objection[] = [];
  const keeper = keptPackages.get(specifier);
  if (keeper !== undefined && !from.startsWith(`src/${keeper}/`)) {
    objections.push({ rule: 'package', message: `${specifier} may be imported in src/${keeper}/ only` });
  }
  if (/^ferry(\/|$)/.test(specifier) && !outside(from)) {
    objections.push({ rule: 'door', message: `${specifier} is for users; import the file by its path` });
  }
  return objections;
}

function checkRelative(from: string, target: string): Objection[] {
  if (from.startsWith('src/')) return checkInside(from.slice(4), target);
  if (!target.startsWith('src/')) return [];
  if (from.startsWith('examples/')) {
    return [{ rule: 'door', message: 'An example imports ferry/… as its readers do, not a path' }];
  }
  if (from.startsWith('test/unit/')) return [];
  const place = placeOf(target.slice(4));
  if (place === undefined || place.file === 'index.ts' || isEntry(target)) return [];
  return [{ rule: 'door', message: `Reaches past the door src/${place.room}/index.ts to ${place.file}` }];
}

/** `from` is under `src/`. */
function checkInside(from: string, target: string): Objection[] {
  if (!target.startsWith('src/')) return [{ rule: 'layer', message: `src/ imports ${target} from outside` }];
  const path = target.slice(4);
  if (everyones.has(path)) return [];
  const here = placeOf(from);
  const there = placeOf(path);
  if (there === undefined) return [{ rule: 'room', message: `No floor knows ${target}` }];
  if (here === undefined) return [{ rule: 'layer', message: `${from} is for everyone and imports a room` }];
  return here.room === there.room ? checkWithin(here, there) : checkAcross(here, there);
}

function checkWithin(here: Place, there: Place): Objection[] {
  if (there.file !== 'index.ts' || here.file === 'index.ts') return [];
  return [{ rule: 'barrel', message: `Inside ${here.room}/ import the file, not the room's own door` }];
}

function checkAcross(here: Place, there: Place): Objection[] {
  const objections: Objection[] = [];
  if (there.floor >= here.floor && !standsBelow(there, here)) {
    const relation = there.floor === here.floor ? 'the same floor' : 'a higher floor';
    objections.push({
      rule: 'layer',
      message:
        `${here.room} (floor ${here.floor}) imports ${there.room} (floor ${there.floor}), which is ${relation}; ` +
        `it may import ${floors.slice(0, here.floor).flat().join(', ') || 'no room'}`,
    });
  }
  if (there.file !== 'index.ts') {
    objections.push({
      rule: 'door',
      message: `Reaches past the door src/${there.room}/index.ts to ${there.file}`,
    });
  }
  return objections;
}

/** Whether `there` is on the same floor as `here` and an earlier story of it. */
function standsBelow(there: Place, here: Place): boolean {
  if (there.floor !== here.floor || there.story === undefined || here.story === undefined) return false;
  return there.story < here.story;
}

/** Programs are started by their path, not imported through a door. */
function isEntry(target: string): boolean {
  return target === 'src/cli/main.ts';
}

function outside(from: string): boolean {
  return !from.startsWith('src/');
}
