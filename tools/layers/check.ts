/** Holds the sources to the layers and to the house rules that neither the compiler nor the linter knows. */
import { relative } from 'node:path';
import type { SourceFile } from 'typescript/unstable/ast';
import { API, type Program } from 'typescript/unstable/sync';
import type { Finding } from './finding.ts';
import { checkPromises } from './promises.ts';
import { checkSource, publishedBy } from './source.ts';

/** Findings in every file that `root/tsconfig.json` includes, generated ones aside. */
export function checkLayers(root: string): Finding[] {
  const api = new API({ cwd: root });
  try {
    return checkProject(api, root);
  } finally {
    api.close();
  }
}

/** As `checkLayers`, by a compiler that is there already: starting one takes most of the time that a small project does. */
export function checkProject(api: API, root: string): Finding[] {
  const config = `${root}/tsconfig.json`;
  const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
  if (project === undefined) throw new Error(`${config} opens no project`);
  const files = ownSources(root, project.program);
  const doors = [...files].filter(([path]) => path.endsWith('/index.ts'));
  const published = new Set(doors.flatMap(([path, file]) => publishedBy(path, file)));
  return [...files].flatMap(([path, file]) => [
    ...checkSource(path, file, published),
    ...checkPromises(path, file, project.checker),
  ]);
}

function ownSources(root: string, program: Program): Map<string, SourceFile> {
  const files = new Map<string, SourceFile>();
  for (const name of program.getSourceFileNames()) {
    const path = relative(root, name);
    const file = program.getSourceFile(name);
    if (path.startsWith('..') || /(^|\/)(node_modules|generated|vectors|dist)\//.test(path)) continue;
    if (file === undefined) throw new Error(`${path} is part of the project and has no syntax tree`);
    files.set(path, file);
  }
  return files;
}
