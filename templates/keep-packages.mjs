// @ts-check
/**
 * `node keep-packages.mjs NAME`, in a folder with node_modules, package.json and packages.json: removes the packages
 * that the image NAME does not use. Plain JavaScript, because the Dockerfiles execute it before the code is copied.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const [name = ''] = process.argv.slice(2);
/** @type {Record<string, string[] | undefined>} */
const lists = JSON.parse(readFileSync('packages.json', 'utf8'));
const kept = lists[name];
if (kept === undefined) {
  const names = Object.keys(lists).join(', ');
  console.error(
    `packages.json has no list for ${JSON.stringify(name)}. Set the build argument FUNCTION to one of ${names}.`,
  );
  process.exit(1);
}
/** @type {{ dependencies: Record<string, string>, devDependencies?: unknown }} */
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
manifest.dependencies = Object.fromEntries(
  Object.entries(manifest.dependencies).filter(([each]) => kept.includes(each)),
);
delete manifest.devDependencies;
writeFileSync('package.json', JSON.stringify(manifest));
execFileSync('npm', ['prune', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--offline'], {
  stdio: 'inherit',
});
