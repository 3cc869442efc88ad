// @ts-check
/**
 * Installs the missing requirements of Sluice: npm packages, GDAL, PostgreSQL with PostGIS. Builds the dashboard if its
 * sources have changed. Without permission to install system packages, prints the command and exits with 1. Never
 * prompts.
 * Plain JavaScript without dependencies, because it runs on Node 18 before any package is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  aptInstall,
  aptUpdate,
  commandForUser,
  gdalProblem,
  NEED_NAMES,
  OLDEST_GDAL,
  packagesFor,
  SANDBOX_PACKAGES,
  withSudo,
} from './setup/system-packages.mjs';
import { isOnPath } from '../shared/gdal/programs.mjs';
import { packagesAreInstalled } from './setup/npm-packages.mjs';
import { findPostgres } from '../gateway/embedded/postgres-programs.mjs';
import { failureLines, runWithProgress } from './setup/progress.mjs';
import { buildDashboard } from './setup/dashboard.mjs';

/** @typedef {import('./setup/system-packages.mjs').Need} Need */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Debian's PostgreSQL packages read this file during their installation. */
const CLUSTER_SETTING = '/etc/postgresql-common/createcluster.d/sluice.conf';

loadSettings();
const npmProblems = await installNpmPackages();
const problems = [
  ...npmProblems,
  ...(npmProblems.length === 0 ? await buildDashboard(ROOT) : []),
  ...(await installSystemPackages()),
];
if (problems.length > 0) {
  console.error(`\n${problems.join('\n\n')}\n`);
  process.exitCode = 1;
}

/** .env can contain the addresses of existing servers. Node 18 cannot read it; then PostgreSQL is installed anyway. */
function loadSettings() {
  const file = join(ROOT, '.env');
  if (existsSync(file)) process.loadEnvFile?.(file);
}

/** @returns {Promise<string[]>} The remaining problems. */
async function installNpmPackages() {
  if (packagesAreInstalled(ROOT)) return [];
  const { ok, output } = await runWithProgress(
    'Installing npm packages',
    { command: 'npm', args: ['ci', '--no-audit', '--no-fund', '--loglevel=http'] },
    { cwd: ROOT },
  );
  if (!ok) return [`The npm packages could not be installed. The output of npm:\n${failureLines(output)}`];
  if (packagesAreInstalled(ROOT)) return [];
  return [
    'The npm packages are installed, but the package `node` has no program, because install scripts are disabled. ' +
      'Enable them (npm config delete ignore-scripts), and start again.',
  ];
}

/** @returns {Promise<string[]>} The remaining problems. */
async function installSystemPackages() {
  const needs = missing();
  if (needs.length === 0) return [];
  const installer = isOnPath('apt-get') ? 'apt' : isOnPath('dnf') ? 'dnf' : isOnPath('brew') ? 'brew' : undefined;
  const asRoot = process.getuid?.() === 0;
  const advice = () => adviceFor(missing(), installer, asRoot);
  if (installer !== 'apt' || !(asRoot || sudoNeverPrompts())) return [advice()];
  const { ok, output } = await installWithApt(asRoot, needs);
  if (!ok) return [`${advice()}\n\nThe output of apt-get:\n${failureLines(output)}`];
  if (!isOnPath('bwrap'))
    await runWithProgress(
      `Installing the sandbox (${SANDBOX_PACKAGES.apt.join(', ')})`,
      aptInstall(asRoot, SANDBOX_PACKAGES.apt),
      { failed: 'failed; Sluice runs without it' },
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
    const first = await runWithProgress(title, aptInstall(asRoot, packages), {
      failed: 'failed; the package lists may be outdated',
    });
    if (first.ok) return first;
    // On a new machine, the package lists are empty or outdated.
    const updated = await runWithProgress('Updating the package lists', aptUpdate(asRoot));
    return updated.ok ? await runWithProgress(title, aptInstall(asRoot, packages)) : updated;
  } finally {
    restore();
  }
}

/**
 * Prevents Debian's packages from creating and starting a system-wide server, because Sluice runs its own. Returns a
 * function that removes the setting.
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

function sudoNeverPrompts() {
  return isOnPath('sudo') && run({ command: 'sudo', args: ['-n', 'true'] });
}

/**
 * @param {Need[]} needs
 * @param {import('./setup/system-packages.mjs').Installer | undefined} installer
 * @param {boolean} asRoot
 */
function adviceFor(needs, installer, asRoot) {
  const problem = gdalProblem();
  const old =
    problem !== undefined && 'tooOld' in problem
      ? ` (GDAL ${problem.tooOld} is installed; it must be ${OLDEST_GDAL.join('.')} or newer)`
      : '';
  const command = commandForUser(installer, needs, asRoot);
  const names = needs.map((need) => NEED_NAMES[need]).join(' and ');
  if (command === undefined)
    return `Sluice requires ${names}${old}. Install it with the package manager of this system, then start again.`;
  const sentence = `Sluice requires ${names}${old}, and has no permission to install it.`;
  return `${sentence} Run this, then start again:\n\n    ${command}`;
}
