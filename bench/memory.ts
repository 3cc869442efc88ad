import { readdirSync, readFileSync } from 'node:fs';

/** Short enough for GDAL processes of half a second. */
const INTERVAL_MS = 50;
const BYTES_PER_KIB = 1024;

export interface PeakMemory {
  /** Largest resident memory of the gateway and its function processes together, in bytes. */
  sluice: number;
  /** Largest resident memory of all other children together, in bytes: GDAL programs, not PostgreSQL. */
  programs: number;
}

/** Measures the memory of the gateway with the process id `pid` until `stop`. On systems other than Linux, it is 0. */
export function watchMemory(pid: number): { stop(): PeakMemory } {
  const peak: PeakMemory = { sluice: 0, programs: 0 };
  const sample = () => {
    const children = descendants(pid);
    const hosts = children.filter(isFunctionProcess);
    peak.sluice = Math.max(peak.sluice, residentBytes(pid) + sumOf(hosts));
    peak.programs = Math.max(peak.programs, sumOf(children.filter((child) => !hosts.includes(child))));
  };
  sample();
  const timer = setInterval(sample, INTERVAL_MS);
  return {
    stop: () => {
      clearInterval(timer);
      sample();
      return peak;
    },
  };
}

/** The current resident memory of the gateway and its function processes together, in bytes. */
export function sluiceBytes(pid: number): number {
  return residentBytes(pid) + sumOf(descendants(pid).filter(isFunctionProcess));
}

function sumOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
}

/** True for a process that executes functions (gateway/hosts/host-process.ts); false for the shell that watches it. */
export function isFunctionProcess(pid: number): boolean {
  const [program, ...args] = commandOf(pid);
  return program !== '/bin/sh' && args.some((argument) => argument.endsWith('runtime/function-process.ts'));
}

/** The program and the arguments of a process; empty when the process has ended. */
export function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** The current resident memory; 0 when the process has ended. */
export function residentBytes(pid: number): number {
  return kibibytes(pid, 'VmRSS') * BYTES_PER_KIB;
}

function kibibytes(pid: number, field: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** All direct and indirect children of the process, of each of its threads. */
export function descendants(pid: number): number[] {
  const direct = threads(pid).flatMap((thread) => childrenOf(pid, thread));
  return direct.flatMap((child) => [child, ...descendants(child)]);
}

function threads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function childrenOf(pid: number, thread: string): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
