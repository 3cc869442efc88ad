import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SILENT_LOG } from '#shared/log/log.ts';
import { testEnv } from '../../../tests/servers.ts';
import {
  confinedCommandLine,
  type Confinement,
  detectConfinement,
  UNCONFINED,
  commandMounts,
  systemMounts,
} from './wrappers.ts';
import type { GdalCommand } from '../gdal.ts';
import { createGdal } from '../runner.ts';

const LIMITS = { memoryBytes: 2 ** 30, fileBytes: 2 ** 20, seconds: 3 };

describe('the command line', () => {
  const unshare: Confinement = {
    ownView: [],
    noNetwork: ['unshare', '-n', '--'],
    limits: true,
    dieWithParent: ['setpriv', '--'],
  };
  const bwrap = { ...unshare, ownView: ['bwrap', '--ro-bind', '/usr', '/usr'] };
  const limited = ['prlimit', '--as=1', '--fsize=2', '--cpu=24:29', '--core=0', '--'];
  const line = (confinement: Confinement, command: Partial<GdalCommand>) =>
    confinedCommandLine({ command: 'ogr2ogr', args: ['a'], drivers: ['GPKG'], ...command }, confinement, {
      memoryBytes: 1,
      fileBytes: 2,
      seconds: 3,
    });

  test('uses bwrap, or the other wrappers without it', () => {
    expect(line(bwrap, { folder: '/s' })).toEqual([
      'bwrap',
      '--ro-bind',
      '/usr',
      '/usr',
      '--unshare-net',
      '--bind',
      '/s',
      '/s',
      '--remount-ro',
      '/',
      '--',
      ...limited,
      'ogr2ogr',
      'a',
    ]);
    expect(line(unshare, { folder: '/s' })).toEqual([
      'unshare',
      '-n',
      '--',
      ...limited,
      'setpriv',
      '--',
      'ogr2ogr',
      'a',
    ]);
  });

  test('allows the network only for PostgreSQL over TCP', () => {
    const postgres = (environment: Record<string, string>) => ({ drivers: ['PostgreSQL'], environment });
    expect(line(unshare, postgres({ PGHOST: '/tmp/socket' }))[0]).toBe('unshare');
    expect(line(unshare, postgres({ PGHOST: 'db.example' }))[0]).toBe('prlimit');
    expect(line(unshare, postgres({}))[0]).toBe('prlimit');
    expect(line(bwrap, postgres({ PGHOST: '/tmp/socket' }))).toContain('--unshare-net');
    expect(line(bwrap, postgres({ PGHOST: 'db.example' }))).not.toContain('--unshare-net');
  });
});

describe('visible files', () => {
  const shown = (args: string[]) => args.flatMap((arg, index) => (arg === '--ro-bind-try' ? [args[index + 1]] : []));

  test('contain only libraries and data of an installation outside of /usr', () => {
    const outside = (path: string | undefined) =>
      !['/usr', '/bin', '/lib', '/lib64', '/nix/store', '/etc/ld.so.cache', '/etc/alternatives'].includes(path ?? '');
    expect(shown(systemMounts({}, '/usr/bin')).filter(outside)).toEqual([]);
    expect(
      shown(
        systemMounts(
          { GDAL_DATA: '/opt/é/data', PROJ_LIB: '/usr/share/proj:/', LD_LIBRARY_PATH: ':lib' },
          '/opt/conda/bin',
        ),
      ).filter(outside),
    ).toEqual(['/opt/é/data', '/opt/conda/bin', '/opt/conda/lib', '/opt/conda/share/gdal', '/opt/conda/share/proj']);
  });

  test('contain the socket of PostgreSQL, or the files to find and verify a server', () => {
    const command = (environment: Record<string, string>): GdalCommand => ({
      command: 'ogr2ogr',
      args: [],
      drivers: ['PostgreSQL'],
      environment,
    });
    expect(
      shown(commandMounts(command({ PGHOST: '/run/a,/run/b', PGPORT: '5433' }), { network: false, socket: true })),
    ).toEqual(['/run/a/.s.PGSQL.5433', '/run/b/.s.PGSQL.5433']);
    expect(
      shown(commandMounts(command({ PGHOST: 'db', PGSSLROOTCERT: '/own/ca.pem' }), { network: true, socket: false })),
    ).toEqual(expect.arrayContaining(['/etc/hosts', '/own/ca.pem']));
    expect(
      shown(commandMounts(command({ PGHOST: 'db', PGSSLROOTCERT: 'system' }), { network: true, socket: false })),
    ).not.toContain('system');
  });
});

test('detects the wrappers again after another process has killed one of them', async () => {
  const programs = mkdtempSync(join(tmpdir(), 'sluice-killed é-'));
  const path = process.env.PATH;
  onTestFinished(() => {
    process.env.PATH = path;
    vi.resetModules(); // Later test files detect the real program.
    rmSync(programs, { recursive: true, force: true });
  });
  // Killed at its first call; then it works.
  writeFileSync(join(programs, 'bwrap'), '#!/bin/sh\n[ -e "$0.called" ] || { : > "$0.called"; kill -KILL $$; }\n', {
    mode: 0o755,
  });
  process.env.PATH = `${programs}:${path}`;
  vi.resetModules();
  const fresh = await import('./wrappers.ts');
  await expect(fresh.detectConfinement(SILENT_LOG)).rejects.toMatchObject({ code: 'PROGRAM_KILLED', retryable: true });
  expect((await fresh.detectConfinement(SILENT_LOG)).ownView[0]).toBe('bwrap');
});

const here = await detectConfinement(SILENT_LOG);

// Some containers forbid bwrap. The tests of hostile files also run without it.
describe.runIf(here.ownView.length > 0)(
  'a program in bwrap (needs bubblewrap: apt-get install bubblewrap, and permission to use it)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-own é-'));
    const others = mkdtempSync(join(tmpdir(), 'sluice-others-'));
    const secret = join(others, 'secret');
    writeFileSync(secret, 'geheim');
    afterAll(() => [folder, others].forEach((path) => rmSync(path, { recursive: true, force: true })));

    /** Runs a shell in the sandbox. */
    const shell = async (script: string, command: Partial<GdalCommand> = {}) => {
      const [program, ...args] = confinedCommandLine(
        { command: 'sh' as 'ogrinfo', args: ['-c', script], drivers: [], folder, ...command },
        here,
        LIMITS,
      );
      return execa(program, args, { reject: false, cwd: '/', stdin: 'ignore' });
    };

    test('can access only the system and its folder', async () => {
      expect(
        (await shell('ls /')).stdout.split('\n').filter((name) => !['bin', 'lib', 'lib64', 'nix'].includes(name)),
      ).toEqual(['dev', 'etc', 'tmp', 'usr']);
      for (const path of [
        secret,
        '/etc/passwd',
        '/etc/shadow',
        '/proc/self/environ',
        process.execPath,
        import.meta.filename,
      ]) {
        if (!path.startsWith('/usr/'))
          expect(await shell(`cat '${path}'`)).toMatchObject({
            exitCode: 1,
            stdout: '',
            stderr: expect.stringContaining('No such file or directory') as string,
          });
      }
      expect((await shell(`ls '${dirname(folder)}'`)).stdout.split('\n')).toEqual([basename(folder)]);
    });

    test('can write only to its folder', async () => {
      expect(await shell(`echo ja > '${folder}/own' && cat '${folder}/own'`)).toMatchObject({
        exitCode: 0,
        stdout: 'ja',
      });
      expect(readFileSync(join(folder, 'own'), 'utf8')).toBe('ja\n');
      for (const path of ['/x', '/tmp/x', '/usr/x', '/etc/x', '/dev/x'])
        expect((await shell(`: > ${path}`)).stderr).toMatch(/Read-only file system/);
    });

    test('has no privileges and no network, cannot access other processes, and is limited', async () => {
      expect((await shell(`kill -0 ${process.pid}`)).exitCode).not.toBe(0);
      expect((await shell(`mount -t tmpfs none '${folder}'`)).exitCode).not.toBe(0);
      expect(await shell(`head -c 2000000 /dev/urandom > '${folder}/large'`)).toMatchObject({ exitCode: 153 }); // SIGXFSZ
      expect((await shell('ulimit -v')).stdout).toBe(String(LIMITS.memoryBytes / 1024));
      const server = createServer((socket) => socket.end('hallo'));
      await new Promise<void>((done) => {
        server.listen(0, '127.0.0.1', done);
      });
      const address = server.address();
      const connect = `exec python3 -c "import socket; print(socket.create_connection(('127.0.0.1', ${typeof address === 'object' ? address?.port : 0})).recv(9))"`;
      expect(await shell(connect)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('refused') as string });
      expect(
        (await shell(connect, { drivers: ['PostgreSQL'], environment: { PGHOST: '127.0.0.1' } })).stdout,
      ).toContain('hallo');
      server.close();
    });

    test('reports a sandbox that cannot be set up as an internal error', async () => {
      const running = createGdal(testEnv(), { confinement: here }).run(
        { command: 'ogrinfo', args: [], drivers: [], folder: join(others, 'removed') },
        { signal: new AbortController().signal },
      );
      await expect(running).rejects.toMatchObject({
        code: 'INTERNAL',
        retryable: true,
        message: expect.stringContaining('Could not start the sandbox of ogrinfo') as string,
      });
    });

    test('cannot read a file that an XML entity names', async () => {
      const gml = join(folder, 'entity.gml');
      writeFileSync(
        gml,
        `<?xml version="1.0"?><!DOCTYPE r [<!ENTITY e SYSTEM "file://${secret}">]><ogr:FeatureCollection xmlns:gml="http://www.opengis.net/gml" xmlns:ogr="http://ogr.maptools.org/"><gml:featureMember><ogr:p fid="p.0"><ogr:g><gml:Point srsName="EPSG:4326"><gml:coordinates>1,2</gml:coordinates></gml:Point></ogr:g><ogr:name>&e;</ogr:name></ogr:p></gml:featureMember></ogr:FeatureCollection>`,
      );
      const read = async (confinement: Confinement) => {
        const command: GdalCommand = {
          command: 'ogrinfo',
          args: ['-ro', '-al', '-q', gml],
          drivers: ['GML'],
          folder,
          environment: { GML_PARSER: 'XERCES' },
        };
        rmSync(gml.replace('.gml', '.gfs'), { force: true });
        return createGdal(testEnv(), { confinement })
          .run(command, { signal: new AbortController().signal })
          .then(
            ({ stdout }) => stdout,
            (thrown: Error) => thrown.message,
          );
      };
      expect(await read(UNCONFINED)).toContain('geheim');
      expect(await read(here)).not.toContain('geheim');
    });
  },
);
