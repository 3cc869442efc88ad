// @ts-check
/**
 * Makes sure that everything is there that Sluice needs: npm packages, GDAL, PostgreSQL with PostGIS. Installs what it may,
 * otherwise prints the command and exits 1. Asks nothing, and is quick when there is nothing to do.
 * Plain JavaScript without dependencies: it runs on Node 18, before any package is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gdalProblem, isOnPath, OLDEST_GDAL } from './setup/gdal.mjs';
import { packagesAreInstalled } from './setup/npm-packages.mjs';
import { findPostgres } from '../gateway/embedded/postgres-programs.mjs';
import { failureOf, runShowing } from './setup/progress.mjs';
import {
  aptInstall,
  aptUpdate,
  commandForPerson,
  NEED_NAMES,
  packagesFor,
  SANDBOX_PACKAGES,
  withSudo,
} from './setup/system-packages.mjs';

/** @typedef {import('./setup/system-packages.mjs').Need} Need */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Debian's postgresql packages read this folder when they are installed. */
const CLUSTER_SETTING = '/etc/postgresql-common/createcluster.d/sluice.conf';

loadSettings();
const problems = [...(await installNpmPackages()), ...(await installSystemPackages())];
if (problems.length > 0) {
  console.error(`\n${problems.join('\n\n')}\n`);
  process.exitCode = 1;
}

/** Settings of .env say whether servers of one's own are used. Node 18 cannot read it; then more is installed than needed. */
function loadSettings() {
  const file = join(ROOT, '.env');
  if (existsSync(file)) process.loadEnvFile?.(file);
}

/** @returns {Promise<string[]>} What is still wrong. */
async function installNpmPackages() {
  if (packagesAreInstalled(ROOT)) return [];
  const { ok, said } = await runShowing(
    'Installing npm packages',
    { command: 'npm', args: ['ci', '--no-audit', '--no-fund', '--loglevel=http'] },
    { cwd: ROOT },
  );
  if (!ok) return [`The npm packages could not be installed. npm said:\n${failureOf(said)}`];
  if (packagesAreInstalled(ROOT)) return [];
  return [
    'The npm packages are installed, but the package `node` did not bring its program. Allow install scripts (npm config delete ignore-scripts) and start again.',
  ];
}

/** @returns {Promise<string[]>} What is still wrong. */
async function installSystemPackages() {
  const needs = missing();
  if (needs.length === 0) return [];
  const installer = isOnPath('apt-get') ? 'apt' : isOnPath('dnf') ? 'dnf' : isOnPath('brew') ? 'brew' : undefined;
  const asRoot = process.getuid?.() === 0;
  const advice = () => adviceFor(missing(), installer, asRoot);
  if (installer !== 'apt' || !(asRoot || sudoAsksNothing())) return [advice()];
  const { ok, said } = await installWithApt(asRoot, needs);
  if (!ok) return [`${advice()}\n\napt-get said:\n${failureOf(said)}`];
  if (!isOnPath('bwrap'))
    await runShowing(
      `Installing the sandbox (${SANDBOX_PACKAGES.apt.join(', ')})`,
      aptInstall(asRoot, SANDBOX_PACKAGES.apt),
      { failed: 'not possible; Sluice runs without it' },
    );
  return missing().length === 0 ? [] : [advice()];
}

/** @returns {Need[]} */
function missing() {
  const remote = process.env.POSTGIS_URL && process.env.CONTROL_DATABASE_URL;
  /** @type {Need[]} */
  const needs = gdalProblem() === undefined ? [] : ['gdal'];
  return remote || findPostgres()[0]?.postgis ? needs : [...needs, 'postgres'];
}

/** @param {boolean} asRoot @param {Need[]} needs */
async function installWithApt(asRoot, needs) {
  const packages = packagesFor('apt', needs);
  const title = `Installing ${needs.map((need) => NEED_NAMES[need]).join(' and ')} (${packages.join(', ')})`;
  const restore = withoutSystemCluster(asRoot);
  try {
    const first = await runShowing(title, aptInstall(asRoot, packages), {
      failed: 'not yet; the list of packages may be old',
    });
    if (first.ok) return first;
    // The lists of a new machine are empty or old.
    const updated = await runShowing('Fetching the list of packages', aptUpdate(asRoot));
    return updated.ok ? await runShowing(title, aptInstall(asRoot, packages)) : updated;
  } finally {
    restore();
  }
}

/**
 * Keeps Debian's packages from making and starting a system-wide server: Sluice runs its own. Gives back what undoes it.
 *
 * @param {boolean} asRoot
 */
function withoutSystemCluster(asRoot) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-setup-'));
  const file = join(folder, 'sluice.conf');
  writeFileSync(file, 'create_main_cluster = false\n');
  run(withSudo(asRoot, ['install', '-D', '-m', '644', file, CLUSTER_SETTING]));
  rmSync(folder, { recursive: true });
  return () => run(withSudo(asRoot, ['rm', '-f', CLUSTER_SETTING]));
}

/** @param {import('./setup/system-packages.mjs').Command} command */
function run({ command, args }) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function sudoAsksNothing() {
  return isOnPath('sudo') && run({ command: 'sudo', args: ['-n', 'true'] });
}

/** @param {Need[]} needs @param {import('./setup/system-packages.mjs').Installer | undefined} installer @param {boolean} asRoot */
function adviceFor(needs, installer, asRoot) {
  const problem = gdalProblem();
  const old =
    problem !== undefined && 'tooOld' in problem
      ? ` (GDAL ${problem.tooOld} is installed; it must be ${OLDEST_GDAL.join('.')} or newer)`
      : '';
  const command = commandForPerson(installer, needs, asRoot);
  const names = needs.map((need) => NEED_NAMES[need]).join(' and ');
  if (command === undefined)
    return `Sluice needs ${names}${old}. Install it with the package manager of this system, then start again.`;
  return `Sluice needs ${names}${old}, and may not install it here. Run this, then start again:\n\n    ${command}`;
}
