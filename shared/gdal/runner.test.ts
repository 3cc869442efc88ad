import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { testEnv } from '../../tests/servers.ts';
import type { SluiceError } from '#shared/errors/sluice-error.ts';
import { endLeftoverPrograms } from '#shared/processes/leftover-programs.ts';
import { nameFileInLimitError } from './gdal-error.ts';
import { UNCONFINED } from './sandbox/wrappers.ts';
import type { GdalCommand } from './gdal.ts';
import { createGdal } from './runner.ts';
import {
  driverNames,
  driversToSkip,
  installedDrivers,
  listDrivers,
  sandboxEnvironment,
} from './sandbox/environment.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-gdal-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const never = new AbortController().signal;
cpSync(fileURLToPath(new URL('../../tests/data/vector', import.meta.url)), folder, { recursive: true });
const NC = join(folder, 'nc.shp');
const PIPE = join(folder, 'pipe.geojsonl');

/** ogrinfo on a named pipe without a writer waits without end. */
function endless(): GdalCommand {
  if (!existsSync(PIPE)) execFileSync('mkfifo', [PIPE]);
  return { command: 'ogrinfo', args: ['-ro', '-al', '-q', PIPE], drivers: ['GeoJSONSeq'], folder };
}

test('runs a program with only the drivers of the command', async () => {
  const gdal = createGdal(testEnv());
  expect(
    (
      await gdal.run(
        { command: 'ogrinfo', args: ['-ro', '-so', NC], drivers: ['ESRI Shapefile'], folder },
        { signal: never },
      )
    ).stdout,
  ).toContain('1: nc (Polygon)');
  await expect(
    gdal.run({ command: 'ogrinfo', args: ['-ro', '-so', NC], drivers: ['GPKG'], folder }, { signal: never }),
  ).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: "GDAL reported: Unable to open datasource `nc.shp' with the following drivers.",
  });
});

test('uses a deprecated CRS as it is defined, not its successor', async () => {
  const { stdout } = await createGdal(testEnv()).run(
    {
      command: 'gdaltransform',
      args: ['-s_srs', 'EPSG:2163', '-t_srs', 'OGC:CRS84', '-output_xy'],
      drivers: [],
      input: '1000000 500000\n',
    },
    { signal: never },
  );
  // By cs2cs of PROJ. EPSG:9311, the successor, is on an ellipsoid, and this position at -86.332358, 48.726372.
  const [longitude, latitude] = stdout.split(' ').map(Number);
  expect(longitude).toBeCloseTo(-86.290556, 5);
  expect(latitude).toBeCloseTo(48.720384, 5);
});

test('kills a program that does not end, on an abort and at the time limit', async () => {
  const gdal = createGdal(testEnv());
  const stop = new AbortController();
  const running = gdal.run(endless(), { signal: stop.signal });
  setImmediate(() => stop.abort());
  await expect(running).rejects.toMatchObject({ code: 'CANCELED' });
  await expect(gdal.run(endless(), { signal: never, timeoutSeconds: 0.05 })).rejects.toMatchObject({
    code: 'STEP_TIMEOUT',
    details: { seconds: 0.05 },
  });
});

test('enforces limits on memory and output, and removes a partial output', async () => {
  const small = createGdal(testEnv({ GDAL_MEMORY_BYTES: String(60 * 2 ** 20) }));
  await expect(
    small.run({ command: 'ogrinfo', args: ['-ro', NC], drivers: ['ESRI Shapefile'], folder }, { signal: never }),
  ).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' });
  const output = join(folder, 'out.geojson');
  const full = createGdal(testEnv({ MAX_FILE_BYTES: '1000' }));
  await expect(
    full.run(
      { command: 'ogr2ogr', args: [output, NC], drivers: ['ESRI Shapefile', 'GeoJSON'], folder, output },
      { signal: never },
    ),
  ).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' });
  expect(existsSync(output)).toBe(false);
});

/** Sends a signal to the GDAL program that reads `path`, once it runs. bwrap and prlimit have other first arguments. */
async function killProgram(path: string, signal: NodeJS.Signals): Promise<void> {
  const find = () =>
    execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
      .split('\n')
      .find((line) => /^ *\d+ ogrinfo /.test(line) && line.includes(path));
  await expect.poll(find, { timeout: 20_000 }).toBeDefined();
  process.kill(Number.parseInt(find() ?? ''), signal);
}

test.each([undefined, UNCONFINED])(
  'retries a program that another process killed (confinement %o)',
  async (confinement) => {
    const gdal = createGdal(testEnv(), confinement ? { confinement } : {});
    for (const [signal, code, retryable] of [
      ['SIGKILL', 'PROGRAM_KILLED', true],
      ['SIGTERM', 'PROGRAM_KILLED', true],
      ['SIGSEGV', 'FILE_UNREADABLE', false],
      ['SIGABRT', 'FILE_UNREADABLE', false],
    ] as const) {
      const command = endless();
      const [error] = await Promise.all([
        gdal.run(command, { signal: never }).catch((thrown: unknown) => thrown),
        killProgram(command.args.at(-1) ?? '', signal),
      ]);
      expect(error, signal).toMatchObject({ code, retryable, details: { program: 'ogrinfo', signal } });
      expect(nameFileInLimitError(error as SluiceError, 'a é.json').message, signal).toMatch(
        retryable ? /^a é\.json: Another process or the kernel ended ogrinfo with SIG/ : /^GDAL reported/,
      );
    }
  },
);

test.runIf(existsSync('/proc/self/io'))(
  'ends a program that computes without reading or writing (needs /proc of Linux)',
  async () => {
    const path = join(folder, 'endless.sqlite');
    const database = new DatabaseSync(path);
    database.exec('create table t (a)');
    database.close();
    const sql = 'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) as n from c';
    const command: GdalCommand = {
      command: 'ogrinfo',
      args: ['-ro', '-q', '-sql', sql, path],
      drivers: ['SQLite'],
      folder,
    };
    for (const confinement of [undefined, UNCONFINED]) {
      const gdal = createGdal(testEnv({ GDAL_STALLED_CPU_SECONDS: '1' }), confinement ? { confinement } : {});
      const error = await gdal.run(command, { signal: never }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'STEP_NO_PROGRESS', retryable: false, details: { seconds: 1 } });
      expect(nameFileInLimitError(error as SluiceError, 's3://b/x.gpkg')).toMatchObject({
        message:
          's3://b/x.gpkg: ogrinfo used 1 s of processor time without reading or writing (GDAL_STALLED_CPU_SECONDS).',
        details: { file: 's3://b/x.gpkg' },
      });
    }
  },
);

test.runIf(existsSync('/proc/self/io'))(
  'limits the resident memory where prlimit is missing (needs /proc of Linux)',
  async () => {
    const gdal = createGdal(testEnv({ GDAL_MEMORY_BYTES: String(32 * 2 ** 20) }), { confinement: UNCONFINED });
    await expect(gdal.run(endless(), { signal: never })).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
      message: 'ogrinfo used more than 33554432 bytes of memory.',
    });
  },
);

test('ends a program that prints too much, and names the file and the limit', async () => {
  const path = join(folder, 'long texts.geojsonl');
  const feature = JSON.stringify({ type: 'Feature', properties: { text: 'x'.repeat(2 ** 20) }, geometry: null });
  writeFileSync(path, `${feature}\n`.repeat(20));
  const error = await createGdal(testEnv())
    .run({ command: 'ogrinfo', args: ['-ro', '-al', path], drivers: ['GeoJSONSeq'], folder }, { signal: never })
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'FILE_TOO_LARGE', details: { output_limit: 2 ** 24 } });
  expect(nameFileInLimitError(error as SluiceError, 'a.json').message).toBe(
    'The description of a.json is too long: ogrinfo printed more than 16777216 bytes. ' +
      'Remove layers, fields or metadata from the file.',
  );
});

test('reports a missing program as GDAL_MISSING', async () => {
  for (const confinement of [undefined, UNCONFINED]) {
    const gdal = createGdal(testEnv(), confinement ? { confinement } : {});
    await expect(
      gdal.run({ command: 'gdal_of_the_future' as 'ogrinfo', args: [], drivers: [] }, { signal: never }),
    ).rejects.toMatchObject({ code: 'GDAL_MISSING' });
  }
});

test('does not use the incomplete list of drivers of a program that another process killed', async () => {
  const program = join(folder, 'killed');
  writeFileSync(program, '#!/bin/sh\necho "  GPKG -vector- (rw+): GeoPackage"\nkill -KILL $$\n', { mode: 0o755 });
  await expect(listDrivers(program)).rejects.toMatchObject({ code: 'PROGRAM_KILLED', retryable: true });
  await expect(listDrivers(join(folder, 'none'))).rejects.toMatchObject({ code: 'GDAL_MISSING' });
});

test('passes no secrets of the process and not its home folder', () => {
  const variables = sandboxEnvironment(
    {
      PATH: '/bin',
      AWS_SECRET_ACCESS_KEY: 'x',
      PGPASSWORD: 'x',
      HOME: '/home/ana',
      GDAL_HTTP_PROXY: 'evil',
      PROJ_LIB: '/proj',
    },
    ['VRT', 'ESRI Shapefile'],
    { command: 'ogrinfo', args: [], drivers: [], folder: '/s', environment: { PG_USE_COPY: 'YES' } },
  );
  expect(variables).toMatchObject({
    PATH: '/bin',
    PROJ_LIB: '/proj',
    HOME: '/nonexistent',
    OGR_SKIP: 'VRT,ESRI Shapefile',
    PG_USE_COPY: 'YES',
    GDAL_HTTP_PROXY: 'http://127.0.0.1:1',
    PROJ_NETWORK: 'OFF',
    CPL_TMPDIR: '/s',
    TMPDIR: '/s',
  });
  expect(Object.keys(variables)).not.toEqual(expect.arrayContaining(['AWS_SECRET_ACCESS_KEY']));
  expect(Object.keys(variables)).not.toEqual(expect.arrayContaining(['PGPASSWORD']));
});

test('disables all drivers except those of the command, and always VRT', async () => {
  const installed = await installedDrivers();
  expect(installed).toEqual(expect.arrayContaining(['ESRI Shapefile', 'UK .NTF', 'GTiff', 'VRT', 'OGR_VRT', 'HTTP']));
  const skipped = driversToSkip(installed, ['GPKG', 'VRT', 'OGR_VRT']);
  expect(installed.filter((name) => !skipped.includes(name))).toEqual(['GPKG']);
  expect(
    driverNames(
      'Supported Formats:\n  PCIDSK -raster,vector- (rw+v): PCIDSK Database File\n  netCDF -raster,multidimensional raster,vector- (rw+vs): x\n',
    ),
  ).toEqual(['PCIDSK', 'netCDF']);
});

test('ends a program when the process that started it is killed', async () => {
  const starter = await startEndless();
  starter.kill('SIGKILL');
  await expect.poll(programs, { timeout: 10_000 }).toEqual([]);
});

test.runIf(process.platform === 'linux')(
  'a program that the kernel does not end with its starter is ended later (needs /proc of Linux)',
  async () => {
    const starter = await startEndless('UNCONFINED');
    await endLeftoverPrograms();
    expect(programs()).toHaveLength(1);
    starter.kill('SIGKILL');
    await once(starter, 'exit');
    expect(programs()).toHaveLength(1);
    expect(await endLeftoverPrograms()).toBeGreaterThan(0);
    await expect.poll(programs, { timeout: 10_000 }).toEqual([]);
  },
);

/** The process of `endless`, and its wrappers. */
function programs(): string[] {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(PIPE) && line.includes('ogrinfo'));
}

/** A process that runs `endless`. Resolves when ogrinfo runs: bwrap has bound its life to that of the starter then. */
async function startEndless(confinement = 'undefined'): Promise<ChildProcess> {
  const script = join(folder, 'starter.mjs');
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  writeFileSync(
    script,
    `
    const { createGdal } = await import(${url('./runner.ts')});
    const { parseEnv } = await import(${url('../config/env.ts')});
    const { UNCONFINED } = await import(${url('./sandbox/wrappers.ts')});
    const gdal = createGdal(parseEnv({ SCRATCH_DIR: ${JSON.stringify(folder)} }), { confinement: ${confinement} });
    for (;;) await gdal.run(${JSON.stringify(endless())}, { signal: new AbortController().signal });
  `,
  );
  const starter = fork(script, { execPath: process.execPath });
  const isRunning = () => programs().some((line) => /^\s*\d+ \S*ogrinfo /.test(line));
  await expect.poll(isRunning, { timeout: 10_000 }).toBe(true);
  return starter;
}

test('reports arguments that are too long for the operating system', async () => {
  const command = { command: 'ogrinfo' as const, args: ['-sql', 'x'.repeat(2 ** 18)], drivers: [], folder };
  await expect(createGdal(testEnv()).run(command, { signal: never })).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: expect.stringMatching(/^ogrinfo cannot be started with arguments of 262149 bytes\. Shorten the names/),
  });
});
