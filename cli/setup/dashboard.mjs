// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failureLines, runWithProgress } from './progress.mjs';

const BUILT = join('dashboard', 'dist');
/** The hash of the sources of a build. It is written at the end, so an interrupted build is repeated. */
const HASH_FILE = join(BUILT, '.sources');

/**
 * Builds the dashboard if its sources or packages have changed since the last build.
 *
 * @param {string} root The folder of package.json.
 * @returns {Promise<string[]>} The remaining problems.
 */
export async function buildDashboard(root) {
  if (!existsSync(join(root, 'dashboard/index.html'))) return []; // An installation without sources.
  const hash = sourcesHash(root);
  if (builtHash(root) === hash) return [];
  const { ok, output } = await runWithProgress(
    'Building the dashboard',
    { command: join(root, 'node_modules/.bin/node'), args: ['node_modules/vite/bin/vite.js', 'build', 'dashboard'] },
    { cwd: root },
  );
  if (!ok) return [`The dashboard could not be built. The output of vite:\n${failureLines(output)}`];
  writeFileSync(join(root, HASH_FILE), hash);
  return [];
}

/** @param {string} root */
function builtHash(root) {
  try {
    return readFileSync(join(root, HASH_FILE), 'utf8');
  } catch {
    return undefined; // Not built yet.
  }
}

/**
 * SHA-256 of the names and contents of the sources of the dashboard, and of package-lock.json.
 *
 * @param {string} root
 */
export function sourcesHash(root) {
  // Node 18 has no `parentPath`, so the types are read with statSync.
  const sources = readdirSync(join(root, 'dashboard'), { recursive: true, encoding: 'utf8' })
    .map((path) => join('dashboard', path))
    .filter((path) => !path.startsWith(BUILT) && statSync(join(root, path)).isFile());
  const hash = createHash('sha256');
  for (const path of [...sources.sort(), 'package-lock.json'])
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  return hash.digest('hex');
}
