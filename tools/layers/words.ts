/** What no tracked file may say: names of this or that machine, and of documents that do not travel with the project. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './finding.ts';

interface Word {
  readonly pattern: RegExp;
  readonly why: string;
}

const words: readonly Word[] = [
  { pattern: /\bregistry\.(npmjs|yarnpkg)\.\w+/, why: 'a package registry; the configuration names it' },
  { pattern: /\b(deb|security|snapshot|ftp\.\w+)\.debian\.org/, why: 'a mirror; the machine names its own' },
  { pattern: /(^|[\s'"`(=])\/(work|farm|workspace)\/\w/, why: 'a path of one machine' },
  { pattern: /\/tmp\/[\w-]+\.?[\w-]*\//, why: 'a fixed folder under /tmp; ask os.tmpdir() and mkdtemp' },
  { pattern: /\b(DESIGN\.md|specs\/[\w-]+\.md|seeds\/)/, why: 'a document that is not part of the project' },
  { pattern: /\b(issue|ticket|pull request|PR|MR) ?#?\d/i, why: 'a tracker entry; say the reason itself' },
  { pattern: /\b(AI|LLM)[ -](agent|assistant|generated|helper)s?\b/i, why: 'who wrote it; say what it is' },
];

/** Findings in every text file that git tracks or would track. */
export function checkWords(root: string): Finding[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return listed
    .split('\0')
    .filter((path) => path !== '' && path !== 'LICENSE')
    .flatMap((path) => checkText(path, readText(join(root, path))));
}

/** Findings in one text. */
export function checkText(path: string, text: string): Finding[] {
  return text.split('\n').flatMap((content, at) =>
    words.flatMap(({ pattern, why }) => {
      const found = pattern.exec(content);
      if (found === null) return [];
      const message = `${JSON.stringify(found[0].trim())} is ${why}`;
      return [{ path, line: at + 1, rule: 'words', message, severity: 'error' as const }];
    }),
  );
}

/** A binary file, a link to a folder and a file that is listed and gone have no text. */
function readText(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return '';
  const bytes = readFileSync(path);
  return bytes.includes(0) ? '' : bytes.toString('utf8');
}
