/**
 * A private apt: its own state, cache and sources in a folder, so that packages of another suite are resolved, fetched
 * and verified without root and without touching the machine's own. The mirror is the machine's.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FerryError } from '../../src/errors.ts';
import { capture } from '../../src/launch/index.ts';

export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  /** Whether its source packages are wanted as well. */
  readonly withSource?: boolean;
}

/** A package as apt resolved it. */
export interface Resolved {
  readonly name: string;
  readonly version: string;
}

const architecture = 'amd64';
/** A download of everything, on a slow line. */
const deadline = 30 * 60_000;
export const machineKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

export class PrivateApt {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(folder: string) {
    this.folder = folder;
    // Messages are matched: no translations
    this.#env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  }

  /** Writes the configuration into `folder` and fetches the lists. @throws FerryError ERR_PEERS_APT */
  static async open(folder: string, sources: readonly AptSource[], keyring: string): Promise<PrivateApt> {
    for (const part of ['state/lists/partial', 'cache/archives/partial']) {
      await mkdir(join(folder, part), { recursive: true });
    }
    const lines = sources.flatMap(({ uri, suite, withSource }) =>
      (withSource ? ['deb', 'deb-src'] : ['deb']).map(
        (kind) => `${kind} [signed-by=${keyring}] ${uri} ${suite} main\n`,
      ),
    );
    await writeFile(join(folder, 'sources.list'), lines.join(''));
    await writeFile(join(folder, 'status'), '');
    await writeFile(join(folder, 'apt.conf'), configuration(folder));
    const apt = new PrivateApt(folder);
    await apt.#run('apt-get', ['update', '-q']);
    return apt;
  }

  /** What installing these packages on an empty machine would take, with what they depend on. */
  async resolve(packages: readonly string[], suite: string): Promise<Resolved[]> {
    const options = ['install', '-y', '--no-install-recommends', '--print-uris', '-t', suite];
    const said = await this.#run('apt-get', [...options, ...packages]);
    return [...said.matchAll(/^'[^']*' (\S+)_(\S+)_[a-z0-9]+\.deb /gm)].map(([, name, version]) => ({
      name: name ?? '',
      version: decodeURIComponent(version ?? ''),
    }));
  }

  /** Downloads and verifies packages (`name` or `name=version`) into `into`; what is there already is kept. */
  async download(packages: readonly string[], into: string): Promise<void> {
    await mkdir(into, { recursive: true });
    if (packages.length === 0) return;
    await this.#run('apt-get', ['download', '-q', ...packages], into);
  }

  /** Downloads and verifies the upstream archive of a source package into `into`. */
  async downloadSource(source: string, into: string): Promise<void> {
    await mkdir(into, { recursive: true });
    await this.#run('apt-get', ['source', '-q', '--download-only', '--tar-only', source], into);
  }

  async #run(program: string, args: string[], cwd?: string): Promise<string> {
    const command: [string, ...string[]] = [program, '-c', join(this.folder, 'apt.conf'), ...args];
    const ended = await capture(command, { deadline, env: this.#env, ...(cwd && { cwd }) });
    if (ended.code === 0) return ended.stdout;
    const reason = ended.stderr.trim().split('\n').slice(-5).join('; ');
    throw new FerryError(
      'ERR_PEERS_APT',
      `${program} ${args[0]} ended with ${ended.code ?? ended.signal}: ${reason}`,
      {
        retry: true,
      },
    );
  }
}

/**
 * The places from which this machine takes Debian itself, as its apt says, whichever way its sources are written.
 *
 * @throws FerryError ERR_PEERS_NO_APT without apt, ERR_PEERS_NO_MIRROR when apt names no Debian archive
 */
export async function machineSources(): Promise<AptSource[]> {
  const format = '$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)';
  const ended = await capture(
    ['apt-get', 'indextargets', '--no-release-info', '--format', format, 'Created-By: Packages'],
    { deadline: 60_000 },
  );
  if (ended.code !== 0) {
    throw new FerryError(
      'ERR_PEERS_NO_APT',
      `apt-get is needed to fetch the peers and did not answer: ${ended.stderr.trim()}. ` +
        'On another distribution, install QEMU, virtiofsd and passt from its packages instead',
    );
  }
  const debian =
    /^(bullseye|bookworm|trixie|forky|duke|sid|(old)*stable|testing|unstable)(-updates|-backports)?$/;
  const sources = new Map<string, AptSource>();
  for (const line of ended.stdout.split('\n')) {
    const [uri, suite, component] = line.split('\t');
    if (uri && suite && component === 'main' && debian.test(suite)) sources.set(line, { uri, suite });
  }
  if (sources.size === 0) {
    throw new FerryError(
      'ERR_PEERS_NO_MIRROR',
      'No Debian mirror in the configuration of apt; name one with --mirror or FERRY_PEERS_MIRROR',
    );
  }
  return [...sources.values()];
}

/** Everything that the machine's own configuration could set otherwise; it keeps its proxies and credentials. */
function configuration(folder: string): string {
  const values = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::lists': join(folder, 'state/lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Cache::archives': join(folder, 'cache/archives'),
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::Log': join(folder, 'state'),
    'APT::Architecture': architecture,
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': '',
    'APT::Update::Error-Mode': 'any',
    'APT::Get::AllowUnauthenticated': 'false',
    'Acquire::AllowInsecureRepositories': 'false',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
  };
  const hooks = ['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success'];
  return [
    ...[...hooks, 'APT::Architectures', 'Acquire::IndexTargets::deb::DEP-11'].map(
      (name) => `#clear ${name};\n`,
    ),
    ...Object.entries(values).map(([name, value]) => `${name} "${value}";\n`),
  ].join('');
}

/** Whether apt refused because the keyring has none of the keys that signed the archive. */
export function isMissingKey(error: unknown): boolean {
  return error instanceof FerryError && /NO_PUBKEY|is not signed|EXPKEYSIG/.test(error.message);
}

/** Whether the machine has a keyring to start from at all. */
export async function hasKeyring(keyring: string): Promise<boolean> {
  return (await readFile(keyring).catch(() => undefined)) !== undefined;
}
