import { readdirSync, readFileSync } from 'node:fs';

/** Short enough for GDAL processes of half a second. */
const INTERVAL_MS = 50;
const BYTES_PER_KIB = 1024;

export interface PeakMemory {
  /** Largest resident memory of the process itself, in bytes. */
  process: number;
  /** Largest resident memory of all its children together, in bytes: GDAL programs, not PostgreSQL. */
  children: number;
}

/** Measures the resident memory of a process and its children until `stop`. On systems other than Linux, it is 0. */
export function watchMemory(pid: number): { stop(): PeakMemory } {
  const peak: PeakMemory = { process: 0, children: 0 };
  const sample = () => {
    const own = residentBytes(pid);
    const children = descendants(pid).reduce((sum, child) => sum + residentBytes(child), 0);
    peak.process = Math.max(peak.process, own);
    peak.children = Math.max(peak.children, children);
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
