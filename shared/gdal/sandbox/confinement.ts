import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Logger } from '#shared/log/log.ts';
import type { GdalCommand } from '../gdal.ts';
import { commandMounts, systemMounts } from './visible-files.ts';

/**
 * What the kernel keeps from a GDAL program: other files than its own (bwrap), the network, other processes, privileges, and more
 * memory, processor time and disk than it may use. A machine or a container may forbid some of it; what is left is used.
 */

/** Beginnings of a command line; empty where the machine forbids it. */
export interface Confinement {
  /** `bwrap …`: a view of the file system of its own, no privileges, no other processes; it dies with us. The next and the last are then not needed. */
  ownView: string[];
  /** `unshare …`: no network but unix sockets. */
  noNetwork: string[];
  /** True when prlimit works. */
  limits: boolean;
  /** `setpriv …`: the program dies with us, even when we are killed. */
  dieWithParent: string[];
}

/** A machine that allows nothing. */
export const UNCONFINED: Confinement = { ownView: [], noNetwork: [], limits: false, dieWithParent: [] };

/** Processor seconds allowed per second of wall time: GDAL rarely uses more threads. */
const CPU_PER_WALL_SECOND = 8;

let confinement: Promise<Confinement> | undefined;

/** What works here; tried once per process, and logged. GDAL must be installed. */
export function detectConfinement(log: Logger): Promise<Confinement> {
  confinement ??= probe(log);
  return confinement;
}

async function probe(log: Logger): Promise<Confinement> {
  const programFolder = process.env.PATH?.split(':').find((folder) => existsSync(join(folder, 'ogrinfo')));
  // Privileges are dropped explicitly, because root keeps them by default.
  const bwrap = [
    'bwrap',
    '--die-with-parent',
    '--unshare-pid',
    '--unshare-ipc',
    '--cap-drop',
    'ALL',
    ...systemMounts(process.env, programFolder),
  ];
  const [refusal, asRoot, asUser, limits, dies] = await Promise.all([
    refusalOf([...bwrap, '--unshare-net', '--remount-ro', '/', '--', 'ogrinfo', '--version']),
    works(['unshare', '-n', '--', 'true']),
    works(['unshare', '-r', '-n', '--', 'true']),
    works(['prlimit', '--fsize=1000000', '--', 'true']),
    works(['setpriv', '--pdeathsig', 'KILL', '--', 'true']),
  ]);
  const found: Confinement = {
    ownView: refusal === undefined ? bwrap : [],
    noNetwork: asRoot ? ['unshare', '-n', '--'] : asUser ? ['unshare', '-r', '-n', '--'] : [],
    limits,
    dieWithParent: dies ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [],
  };
  report(log, found, refusal);
  return found;
}

function report(log: Logger, { noNetwork, limits }: Confinement, refusal: string | undefined): void {
  if (refusal === undefined) log.info({ files: 'own', network: 'none', limits }, 'Sandbox:Probe:Done');
  else
    log.warn(
      {
        files: 'all',
        network: noNetwork.length > 0 ? 'none' : 'all',
        limits,
        bwrap: refusal,
        advice: 'Install bubblewrap, or allow it: GDAL programs then see no files but those of their run.',
      },
      'Sandbox:Probe:Limited',
    );
}

async function works(line: string[]): Promise<boolean> {
  return (await refusalOf(line)) === undefined;
}

/** Why a command line fails; undefined when it works. */
async function refusalOf([program = '', ...args]: string[]): Promise<string | undefined> {
  const result = await execa(program, args, { reject: false, stdin: 'ignore' });
  return result.failed
    ? result.stderr?.trim() || result.originalMessage || `it ended with code ${result.exitCode}`
    : undefined;
}

/** The command line with its confinement before it. PostgreSQL over TCP needs the network; over its unix socket it doesn't. */
export function confinedCommandLine(
  command: GdalCommand,
  confinement: Confinement,
  limits: { memoryBytes: number; fileBytes: number; seconds: number },
): [string, ...string[]] {
  const postgres = command.drivers.includes('PostgreSQL');
  const socket = postgres && isSocketFolder(command.environment?.PGHOST);
  const network = postgres && !socket;
  const limited = confinement.limits
    ? [
        'prlimit',
        `--as=${limits.memoryBytes}`,
        `--fsize=${limits.fileBytes}`,
        `--cpu=${Math.ceil(limits.seconds * CPU_PER_WALL_SECOND)}`,
        '--core=0',
        '--',
      ]
    : [];
  const wrappers =
    confinement.ownView.length > 0
      ? [
          ...confinement.ownView,
          ...(network ? [] : ['--unshare-net']),
          ...commandMounts(command, { network, socket }),
          '--',
          ...limited,
        ]
      : [...(network ? [] : confinement.noNetwork), ...limited, ...confinement.dieWithParent]; // Last: a change of credentials would undo it.
  const [first = command.command, ...rest] = [...wrappers, command.command, ...command.args];
  return [first, ...rest];
}

/** libpq takes a host that is an absolute path as the folder of the server's unix socket. */
function isSocketFolder(host: string | undefined): boolean {
  return host !== undefined && host.split(',').every((part) => part.startsWith('/'));
}
