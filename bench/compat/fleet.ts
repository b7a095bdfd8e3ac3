/** Device models as a fleet of hosts has them: 100 parameters, of numbers, switches and names. */
import { formatInfo, intDomain, type Model, type Parameter, strDomain } from '../../src/compat/index.ts';

export const MODEL = 'example.com/nic';

export const PARAMETERS = 100;

/** How many implementations differ where a fleet runs some releases of a program on some kinds of hardware. */
export const RELEASES = 48;

/** Of one parameter there are so many descriptions where no two hosts are alike. */
const DESCRIPTIONS = 61;

/** `releases`: hosts are of `RELEASES` kinds. `distinct`: each host has a document that no other one has. */
export type Kind = 'releases' | 'distinct';

/**
 * What host `i` says. Hosts share no objects, as they would not when each sends its own document. All take the initial values
 * of the oldest one, unless `split` makes every fourth of them take none of another's for one parameter.
 */
export function host(kind: Kind, i: number, split = false): Model {
  const parameters = new Map<string, Parameter>();
  for (let at = 0; at < PARAMETERS; at++) {
    const salt = kind === 'releases' ? i % RELEASES : (i * (2 * at + 1) + at) % DESCRIPTIONS;
    const parameter = parameterOf(at, salt, at === 1 && kind === 'distinct' ? i : 0);
    parameters.set(parameter.name, at === 0 && split ? exclusive(parameter, i % 4) : parameter);
  }
  return { name: MODEL, parameters, versions: [], profiles: new Map(), constraints: [] };
}

/** The document of a host, as it travels. */
export function documentText(model: Model): string {
  return formatInfo({ models: new Map([[MODEL, model]]) });
}

function parameterOf(at: number, salt: number, own: number): Parameter {
  const rest = {
    name: `parameter-${String(at).padStart(3, '0')}`,
    description: undefined,
    since: 1 + (at % 5),
    valuesSince: [],
    prefer: undefined,
    live: undefined,
  };
  // A third each: a number of queues, buffers or bytes; a switch; a format
  if (at % 3 === 1) {
    const more = BigInt(8 + 8 * (salt % 12) + own);
    const intervals = [
      { min: 1n, max: more },
      { min: 2n * more, max: 2n * more + 64n },
    ];
    return { ...rest, type: 'int', init: more / 2n, off: undefined, domain: intDomain(intervals) };
  }
  if (at % 3 === 2) {
    const on = salt % 5 !== 0;
    return { ...rest, type: 'bool', init: on, off: false, domain: { kind: 'bool', on, off: true } };
  }
  const formats = ['v1', 'v2', 'v3', 'v4'].slice(0, 2 + (salt % 3));
  return { ...rest, type: 'str', init: formats.at(-1)!, off: 'v1', domain: strDomain(formats) };
}

/** A parameter of which a quarter of the hosts takes one value each. */
function exclusive(parameter: Parameter, quarter: number): Parameter {
  const value = `format-${quarter}`;
  return { ...parameter, init: value, off: undefined, domain: strDomain([value]) };
}
