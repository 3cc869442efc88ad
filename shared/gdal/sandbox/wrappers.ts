import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { Logger } from '#shared/log/log.ts';
import { killedError } from '../gdal-error.ts';
import type { GdalCommand } from '../gdal.ts';

/**
 * Restricts a GDAL program with features of the kernel: it can access its own files (bwrap), but no network and no
 * other processes. It has no privileges, and limited memory, processor time and file size. Some machines and containers
 * forbid some of the wrappers; the others are still used.
 */

/** The wrappers that work on this machine, as the start of a command line. Empty when a wrapper does not work. */
export interface Confinement {
  /**
   * `bwrap …`: own file system, no privileges, no other processes, ends with Sluice. Replaces noNetwork and
   * dieWithParent.
   */
  ownView: string[];
  /** `unshare …`: no network except unix sockets. */
  noNetwork: string[];
  /** True when prlimit works. */
  limits: boolean;
  /** `setpriv …`: the kernel ends the program when Sluice ends, even by SIGKILL. */
  dieWithParent: string[];
}

/** A machine on which no wrapper works. */
export const UNCONFINED: Confinement = { ownView: [], noNetwork: [], limits: false, dieWithParent: [] };

/** Processor seconds per second of the time limit. GDAL rarely uses more than 8 threads. */
const CPU_PER_WALL_SECOND = 8;
/** The kernel sends SIGKILL at the hard limit, like another process would do. SIGXCPU at the soft limit comes first. */
const CPU_HARD_LIMIT_SECONDS = 5;

let confinement: Promise<Confinement> | undefined;

/** Detects and logs the wrappers that work; once per process. GDAL must be installed. Throws PROGRAM_KILLED. */
export function detectConfinement(log: Logger): Promise<Confinement> {
  confinement ??= tryWrappers(log).catch((thrown: unknown) => {
    confinement = undefined; // The next program detects them again.
    throw thrown;
  });
  return confinement;
}

async function tryWrappers(log: Logger): Promise<Confinement> {
  const programFolder = process.env.PATH?.split(':').find((folder) => existsSync(join(folder, 'ogrinfo')));
  const bwrap = [
    'bwrap',
    '--die-with-parent',
    '--unshare-pid',
    '--unshare-ipc',
    // bwrap keeps the capabilities of root by default.
    '--cap-drop',
    'ALL',
    ...systemMounts(process.env, programFolder),
  ];
  const [bwrapFailure, unshareAsRoot, unshareAsUser, prlimit, setpriv] = await Promise.all([
    failureOf([...bwrap, '--unshare-net', '--remount-ro', '/', '--', 'ogrinfo', '--version']),
    succeeds(['unshare', '-n', '--', 'true']),
    succeeds(['unshare', '-r', '-n', '--', 'true']),
    succeeds(['prlimit', '--fsize=1000000', '--', 'true']),
    succeeds(['setpriv', '--pdeathsig', 'KILL', '--', 'true']),
  ]);
  const found: Confinement = {
    ownView: bwrapFailure === undefined ? bwrap : [],
    noNetwork: unshareAsRoot ? ['unshare', '-n', '--'] : unshareAsUser ? ['unshare', '-r', '-n', '--'] : [],
    limits: prlimit,
    dieWithParent: setpriv ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [],
  };
  logResult(found, bwrapFailure, log);
  return found;
}

function logResult({ noNetwork, limits }: Confinement, bwrapFailure: string | undefined, log: Logger): void {
  if (bwrapFailure === undefined) {
    log.info({ files: 'own', network: 'none', limits }, 'Sandbox:Detect:Done');
    return;
  }
  log.warn(
    {
      files: 'all',
      network: noNetwork.length > 0 ? 'none' : 'all',
      limits,
      bwrap: bwrapFailure,
      advice:
        'Install bubblewrap, or permit user namespaces, so that GDAL programs can read only the files of their run ' +
        '(docs/operations.md#sandbox).',
    },
    'Sandbox:Detect:Limited',
  );
}

async function succeeds(line: string[]): Promise<boolean> {
  return (await failureOf(line)) === undefined;
}

/**
 * The reason for which a command line fails; undefined when it succeeds. Throws PROGRAM_KILLED: whether a wrapper works
 * is then unknown, and without it GDAL programs would run unconfined until the process ends.
 */
async function failureOf([program = '', ...args]: string[]): Promise<string | undefined> {
  const result = await execa(program, args, { reject: false, stdin: 'ignore' });
  const killed = killedError(program, result);
  if (killed !== undefined) throw killed;
  return result.failed ? result.stderr?.trim() || result.originalMessage || `exit code ${result.exitCode}` : undefined;
}

/** The command line with its wrappers. The network is allowed only for PostgreSQL over TCP. */
export function confinedCommandLine(
  command: GdalCommand,
  confinement: Confinement,
  limits: { memoryBytes: number; fileBytes: number; seconds: number },
): [string, ...string[]] {
  const usesPostgres = command.drivers.includes('PostgreSQL');
  const socket = usesPostgres && isSocketFolder(command.environment?.PGHOST);
  const network = usesPostgres && !socket;
  const prlimit = confinement.limits ? prlimitWrapper(limits) : [];
  const wrappers =
    confinement.ownView.length > 0
      ? [
          ...confinement.ownView,
          ...(network ? [] : ['--unshare-net']),
          ...commandMounts(command, { network, socket }),
          '--',
          ...prlimit,
        ]
      : // setpriv comes last, because a change of credentials resets its setting.
        [...(network ? [] : confinement.noNetwork), ...prlimit, ...confinement.dieWithParent];
  const [first = command.command, ...rest] = [...wrappers, command.command, ...command.args];
  return [first, ...rest];
}

function prlimitWrapper(limits: { memoryBytes: number; fileBytes: number; seconds: number }): string[] {
  const cpuSeconds = Math.ceil(limits.seconds * CPU_PER_WALL_SECOND);
  return [
    'prlimit',
    `--as=${limits.memoryBytes}`,
    `--fsize=${limits.fileBytes}`,
    `--cpu=${cpuSeconds}:${cpuSeconds + CPU_HARD_LIMIT_SECONDS}`,
    '--core=0',
    '--',
  ];
}

/** libpq reads a host that is an absolute path as the folder of a unix socket. */
function isSocketFolder(host: string | undefined): boolean {
  return host !== undefined && host.split(',').every((part) => part.startsWith('/'));
}

/**
 * The files that a confined program can access, as arguments of bwrap(1). Its file system is empty except for these
 * mounts. All of them are read-only except the folder of the command.
 */

/** Programs, libraries and their data. Debian finds some libraries through links in /etc/alternatives. */
const SYSTEM = ['/usr', '/bin', '/lib', '/lib64', '/nix/store', '/etc/ld.so.cache', '/etc/alternatives'];
const DEVICES = ['/dev/null', '/dev/urandom'];
/** Files for name resolution and for the verification of certificates. */
const NETWORK = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', '/etc/ssl/certs', '/etc/pki/tls/certs'];
/** Variables with folders, separated by colons, of a GDAL installation outside of /usr. */
const FOLDER_VARIABLES = ['LD_LIBRARY_PATH', 'GDAL_DATA', 'PROJ_LIB', 'PROJ_DATA'];
/** Folders of a GDAL installation outside of /usr, relative to its prefix. */
const PREFIX_FOLDERS = ['lib', 'share/gdal', 'share/proj'];
/** The port that libpq uses by default. */
const POSTGRES_PORT = '5432';

/** Mounts of the system and of GDAL, whose programs are in `programFolder`. */
export function systemMounts(variables: NodeJS.ProcessEnv, programFolder: string | undefined): string[] {
  const fromVariables = FOLDER_VARIABLES.flatMap((name) => (variables[name] ?? '').split(':'));
  const fromPrefix =
    programFolder === undefined
      ? []
      : [programFolder, ...PREFIX_FOLDERS.map((folder) => `${dirname(programFolder)}/${folder}`)];
  const outsideSystem = [...fromVariables, ...fromPrefix].filter(
    (path) => path.startsWith('/') && path !== '/' && !SYSTEM.some((shown) => `${path}/`.startsWith(`${shown}/`)),
  );
  return [
    ...[...SYSTEM, ...new Set(outsideSystem)].flatMap(readOnlyMount),
    ...DEVICES.flatMap((path) => ['--dev-bind', path, path]),
  ];
}

/** Mounts of one command: its folder, and what it needs to connect to PostgreSQL by a socket or over the network. */
export function commandMounts(
  { folder, environment = {} }: GdalCommand,
  access: { network: boolean; socket: boolean },
): string[] {
  const certificate = environment.PGSSLROOTCERT;
  return [
    ...(access.network
      ? [...NETWORK, ...(certificate?.startsWith('/') ? [certificate] : [])].flatMap(readOnlyMount)
      : []),
    // Only the socket: a program without privileges cannot pass a folder that belongs to the account of the server.
    ...(access.socket
      ? (environment.PGHOST ?? '')
          .split(',')
          .flatMap((host) => readOnlyMount(`${host}/.s.PGSQL.${environment.PGPORT ?? POSTGRES_PORT}`))
      : []),
    ...(folder === undefined ? [] : ['--bind', folder, folder]),
    '--remount-ro',
    '/',
  ];
}

/** Missing paths are skipped. */
function readOnlyMount(path: string): string[] {
  return ['--ro-bind-try', path, path];
}
