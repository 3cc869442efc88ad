import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** The documents may name only files and folders that exist. */

const ROOT = resolve(import.meta.dirname, '..');
const FOLDERS = [
  '.ci',
  'bench',
  'cli',
  'dashboard',
  'docs',
  'functions',
  'gateway',
  'kustomize',
  'shared',
  'templates',
  'tests',
];
/** Folders that a build creates. */
const BUILT = ['dashboard/dist'];
/** Placeholders in paths, which match any name. */
const PLACEHOLDER = /[*<>{}…]|\b[A-Z]{2,}\b(?!\.md)/;

const functions = readdirSync(join(ROOT, 'functions'));
const documents = [
  'ARCHITECTURE.md',
  'README.md',
  'kustomize/README.md',
  ...readdirSync(join(ROOT, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
  ...functions.map((name) => `functions/${name}/README.md`),
];

/** Paths in backticks that begin with a folder of the repository. */
function quotedPaths(text: string): string[] {
  return [...text.matchAll(/`([\w.-]+\/[\w./-]*)`/g)]
    .map(([, path = '']) => path)
    .filter((path) => FOLDERS.includes(path.split('/')[0] ?? '') && !BUILT.includes(path) && !PLACEHOLDER.test(path));
}

/** Programs in commands in backticks, such as `node gateway/npm-start.ts --no-sample`. */
function programs(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+ [^`\n]+)`/g)]
    .flatMap(([, command = '']) => command.split(' '))
    .filter((word) => /^[\w.-]+\/[\w./-]+\.(?:ts|mjs)$/.test(word) && FOLDERS.includes(word.split('/')[0] ?? ''));
}

/** Relative targets of Markdown links. */
function linkTargets(text: string): string[] {
  return [...text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, path = '']) => path);
}

/** Names such as `load-file.ts`, without a folder. */
function bareNames(text: string): string[] {
  return [...text.matchAll(/`([\w.-]+\.(?:tsx?|mjs))`/g)].map(([, name = '']) => name);
}

test.each(documents)('%s names only paths that exist', (document) => {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const missing = [
    ...[...quotedPaths(text), ...programs(text)].filter((path) => !existsSync(join(ROOT, path))),
    ...linkTargets(text).filter((path) => !existsSync(join(ROOT, dirname(document), path))),
  ];
  expect(missing).toEqual([]);
});

test.each(documents)('%s contains no marks of an unresolved merge', (document) => {
  expect(readFileSync(join(ROOT, document), 'utf8')).not.toMatch(/^(?:<{7}|>{7}) /m);
});

/** Names of all files in folders, without their paths. */
function fileNames(...folders: string[]): Set<string> {
  const paths = folders.flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }));
  return new Set(paths.map((path) => basename(path)));
}

/** Paths such as `load/load-file.ts`, relative to the folder of the document. */
function relativePaths(text: string): string[] {
  return [...text.matchAll(/`([\w.-]+\/[\w./-]*\.(?:tsx?|mjs))`/g)]
    .map(([, path = '']) => path)
    .filter((path) => !FOLDERS.includes(path.split('/')[0] ?? ''));
}

test.each(functions)('the README of %s names only files of its folder and of shared', (name) => {
  const files = fileNames(`functions/${name}`, 'shared');
  const text = readFileSync(join(ROOT, 'functions', name, 'README.md'), 'utf8');
  expect(relativePaths(text).filter((path) => !existsSync(join(ROOT, 'functions', name, path)))).toEqual([]);
  expect(bareNames(text).filter((file) => !files.has(file))).toEqual([]);
});

test.each(['ARCHITECTURE.md', 'docs/where-to-change.md'])(
  '%s names files without their folder only beside a path or a link to it',
  (document) => {
    const text = readFileSync(join(ROOT, document), 'utf8');
    const missing = text.split(/\n\n|\n(?=\|)/).flatMap((paragraph) => {
      const links = linkTargets(paragraph).map((path) => join(dirname(document), path));
      const named = [...quotedPaths(paragraph), ...links];
      const folders = ['', ...named.flatMap((path) => [path, dirname(path)])];
      const names = [...relativePaths(paragraph), ...bareNames(paragraph)];
      return names.filter((name) => !folders.some((folder) => existsSync(join(ROOT, folder, name))));
    });
    expect(missing).toEqual([]);
  },
);

test('ARCHITECTURE.md lists the layers of .dependency-cruiser.mjs', () => {
  const text = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
  const source = readFileSync(join(ROOT, '.dependency-cruiser.mjs'), 'utf8');
  const [, layers = ''] = /const LAYERS = \[\n([^;]*)\];/.exec(source) ?? [];
  const declared = layers.split('\n').flatMap((line) => {
    const folders = [...line.matchAll(/'([\w-]+)'/g)].map(([, folder]) => folder);
    return folders.length === 0 ? [] : [folders];
  });
  const listed = [...text.matchAll(/^\| \d+ \| (.*) \|$/gm)].map(([, cell = '']) => cell.match(/[\w-]+/g));
  expect(listed).toEqual(declared);
});
