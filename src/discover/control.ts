import { readList } from '../compat/index.ts';
import { ControlClient } from '../control/index.ts';
import type { Found } from './found.ts';

/**
 * The document of a running device, narrowed to what this instance takes, and what is in effect there, over its control
 * socket. Rejects with a ControlError or what the device answered.
 */
export async function fromControl(
  path: string,
  options: { signal?: AbortSignal | undefined; deadline?: number | undefined } = {},
): Promise<Found> {
  const { signal, deadline } = options;
  const bounds = { ...(signal && { signal }), ...(deadline !== undefined && { deadline }) };
  await using client = await ControlClient.connect(path, bounds);
  const { info, list: text, digest, frozen } = await client.migrationInfo(bounds);
  const list = readList(text);
  return {
    where: path,
    from: { kind: 'control', path },
    text: info,
    inEffect: ({ models }) => ({ list, model: models.get(list.model), digest, frozen }),
  };
}
