/**
 * Loaded with `--import`: plants the fault that FERRY_PLANT names, `{"file", "find", "replace"}`, in a source file as it
 * is loaded. A test that is there for safety has to turn red with it.
 */
import { registerHooks } from 'node:module';

interface Fault {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const { file, find, replace }: Fault = JSON.parse(process.env.FERRY_PLANT ?? '{}');

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/${file}`)) return loaded;
    const source = Buffer.from((loaded.source ?? '') as Uint8Array).toString();
    if (source.split(find).length !== 2)
      throw new Error(
        `${file} has ${source.split(find).length - 1} places to plant the fault in, expected 1`,
      );
    return { ...loaded, source: source.replace(find, () => replace) };
  },
});
