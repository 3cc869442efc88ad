import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { GDAL_PROGRAMS } from '#shared/gdal/programs.mjs';
import { aptInstall, commandForUser, gdalProblem, isNewEnough, packagesFor } from './system-packages.mjs';
import { packagesAreInstalled } from './npm-packages.mjs';
import { findPostgres } from '../../gateway/embedded/postgres-programs.mjs';

const ROOT = resolve(import.meta.dirname, '../..');

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice setup #é '));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function program(path: string, script = 'exit 0'): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

describe('the npm packages', () => {
  function project(wanted: object, installed: object | undefined): string {
    const root = folder();
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...wanted } }));
    if (installed === undefined) return root;
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    program(join(root, 'node_modules/.bin/node'));
    writeFileSync(join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages: installed }));
    return root;
  }
  const zod = { 'node_modules/zod': { version: '4.0.0' } };

  test.each([
    ['nothing is installed', zod, undefined, false],
    ['the packages of the lock file are installed', zod, zod, true],
    ['another version is installed', zod, { 'node_modules/zod': { version: '3.9.0' } }, false],
    ['a package is missing', { ...zod, 'node_modules/pg': { version: '8.0.0' } }, zod, false],
    [
      'a package for another platform is missing',
      { ...zod, 'node_modules/x-darwin': { version: '1.0.0', optional: true } },
      zod,
      true,
    ],
  ])('%s', (_, wanted, installed, expected) => {
    expect(packagesAreInstalled(project(wanted, installed))).toBe(expected);
  });

  test('the program of the package node is missing, because install scripts are disabled', () => {
    const root = project(zod, zod);
    rmSync(join(root, 'node_modules/.bin/node'));
    expect(packagesAreInstalled(root)).toBe(false);
  });
});

// npm ci rejects a lock file without them when the registry has no package for some platform.
test('package-lock.json contains the packages of every platform', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { optionalDependencies?: object }>;
  };
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
  expect(wanted.filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)))).toEqual(
    [],
  );
});

describe('GDAL', () => {
  test('of this machine is supported', () => expect(gdalProblem()).toBeUndefined());
  test('is missing when its programs are not on the PATH', () => {
    expect(gdalProblem('/nowhere')).toMatchObject({ missing: expect.arrayContaining(['ogr2ogr', 'projinfo']) });
  });
  test.each([
    ['3.6.2', true],
    ['3.10.0', true],
    ['4.0.0', true],
    ['3.5.9', false],
    ['2.4.0', false],
    ['unknown', false],
  ])('%s', (version, expected) => {
    expect(isNewEnough(version)).toBe(expected);
  });
});

test('the checked GDAL programs are those that the code runs', () => {
  const files = ['shared', 'functions'].flatMap((name) =>
    readdirSync(join(ROOT, name), { recursive: true, encoding: 'utf8' }).map((path) => join(ROOT, name, path)),
  );
  const commands = files
    .filter((path) => /(?<!\.test)\.ts$/.test(path))
    .flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/command: '((?:gdal|ogr|proj)\w+)'/g)]);
  expect([...new Set(commands.map(([, name]) => name))].sort()).toEqual([...GDAL_PROGRAMS].sort());
});

describe('PostgreSQL', () => {
  function install(root: string, name: string, files: string[]): void {
    for (const file of files) {
      mkdirSync(join(root, name, file, '..'), { recursive: true });
      writeFileSync(join(root, name, file), '');
    }
  }
  const SERVER = ['bin/initdb', 'bin/postgres'];

  test('of this machine has PostGIS', () => expect(findPostgres()[0]).toMatchObject({ postgis: true }));

  test('is the newest server with PostGIS; versions before 13 and clients are ignored', () => {
    const root = folder();
    install(root, 'postgresql@12', [...SERVER, 'share/extension/postgis.control']);
    install(root, 'postgresql@14', [...SERVER, 'share/extension/postgis.control']);
    install(root, 'postgresql@16', [...SERVER, 'share/extension/postgis.control']);
    install(root, 'postgresql@17', SERVER);
    install(root, 'postgresql@18', ['bin/psql']);
    expect(findPostgres({ path: '', roots: [root] }).map(({ version, postgis }) => [version, postgis])).toEqual([
      [16, true],
      [14, true],
      [17, false],
    ]);
  });
});

test('the commands for the user name the packages of the system', () => {
  expect(commandForUser('apt', ['gdal', 'postgres'], false)).toBe(
    'sudo apt-get update && sudo apt-get install -y --no-install-recommends ' +
      'gdal-bin proj-bin postgresql-postgis bubblewrap',
  );
  expect(commandForUser('dnf', ['gdal'], true)).toBe('dnf install -y gdal proj bubblewrap');
  expect(commandForUser('brew', ['postgres'], false)).toBe('brew install postgresql@17 postgis');
  expect(commandForUser(undefined, ['gdal'], false)).toBeUndefined();
});

test('the installation never prompts: neither apt, nor a configuration file, nor sudo', () => {
  const { command, args } = aptInstall(false, packagesFor('apt', ['gdal']));
  expect([command, ...args].join(' ')).toMatch(
    /^sudo -n env DEBIAN_FRONTEND=noninteractive apt-get .*install -y --no-install-recommends gdal-bin proj-bin$/,
  );
});

describe('node cli/setup.mjs', () => {
  /** Runs setup in a copy of the project with the same packages. The PATH contains only the given programs. */
  function setup(programs: Record<string, string>, variables: Record<string, string> = {}) {
    const root = folder();
    for (const path of ['cli', 'gateway/embedded/postgres-programs.mjs', 'shared/gdal/programs.mjs'])
      cpSync(join(ROOT, path), join(root, path), { recursive: true });
    cpSync(join(ROOT, 'package-lock.json'), join(root, 'package-lock.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    const bin = join(root, 'bin');
    mkdirSync(bin);
    for (const [name, script] of Object.entries(programs)) program(join(bin, name), script);
    const result = spawnSync(process.execPath, [join(root, 'cli/setup.mjs')], {
      encoding: 'utf8',
      env: { PATH: bin, ...variables },
    });
    return { root, bin, ...result };
  }

  test('prints nothing when nothing is missing', () => {
    const setUp = () => spawnSync(process.execPath, [join(ROOT, 'cli/setup.mjs')], { encoding: 'utf8' });
    setUp(); // Builds the dashboard if its sources have changed.
    const { status, stdout, stderr } = setUp();
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('prints the command and exits with 1 without permission to install', () => {
    const { status, stderr } = setup({ dnf: 'exit 1' });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /Sluice requires GDAL.*, and has no permission to install it\. Run this, then start again:\n/,
    );
    expect(stderr).toMatch(/\n {4}(sudo )?dnf install -y gdal proj/);
  });

  test('names the requirements when there is no known package manager', () => {
    const { status, stderr } = setup({});
    expect(status).toBe(1);
    expect(stderr).toContain('Install it with the package manager of this system');
  });

  // Without root or sudo the command is only printed.
  test.runIf(process.getuid?.() === 0)(
    'installs with apt-get, updates the lists when that fails, and shows the end of the output (needs root)',
    () => {
      const log = join(folder(), 'log');
      // Replaces apt-get, because tests must not change the packages of the machine.
      const { status, stdout, stderr } = setup({
        'apt-get': `echo "$*" >> '${log}'; echo 'E: Unable to locate package gdal-bin' >&2; exit 100`,
        env: 'shift; exec "$@"',
        install: '',
        rm: '',
      });
      expect(status).toBe(1);
      expect(
        readFileSync(log, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.replace(/^-o \S+ /, '')),
      ).toEqual([expect.stringMatching(/^install -y --no-install-recommends gdal-bin proj-bin/), 'update']);
      expect(stdout).toMatch(/Updating the package lists: failed/);
      expect(stderr).toContain('The output of apt-get:\n    E: Unable to locate package gdal-bin');
    },
  );

  test.runIf(process.getuid?.() === 0)(
    'continues without the sandbox when its package cannot be installed, and does not retry (needs root)',
    () => {
      const made = GDAL_PROGRAMS.map(
        (name) => `printf '#!/bin/sh\\necho GDAL 3.6.2\\n' > "$PATH/${name}"; /bin/chmod 755 "$PATH/${name}"`,
      ).join('; ');
      const servers = { POSTGIS_URL: 'postgresql://x', CONTROL_DATABASE_URL: 'postgresql://x' };
      const first = setup(
        {
          'apt-get': `case "$*" in *bubblewrap*) exit 100;; esac; ${made}`,
          env: 'shift; exec "$@"',
          install: '',
          rm: '',
        },
        servers,
      );
      expect(first).toMatchObject({ status: 0, stderr: '' });
      expect(first.stdout).toContain('Installing the sandbox (bubblewrap): failed; Sluice runs without it');
      const second = spawnSync(process.execPath, [join(first.root, 'cli/setup.mjs')], {
        encoding: 'utf8',
        env: { PATH: first.bin, ...servers },
      });
      expect(second).toMatchObject({ status: 0, stdout: '', stderr: '' });
    },
  );
});
