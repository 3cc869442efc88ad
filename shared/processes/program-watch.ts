import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * Watches a program, or the threads of this process, through /proc: processor time without reading or writing, and
 * resident memory. A program that ends within the first interval is never read. On systems without /proc nothing is
 * limited.
 */

export interface WatchLimits {
  /** Processor seconds of all threads without a read or write. */
  stalledCpuSeconds: number;
  /** Resident memory of all processes together. Undefined when the kernel limits the address space (prlimit). */
  memoryBytes: number | undefined;
}

export type ExceededLimit = 'progress' | 'memory';

/** Short enough to act before a program fills the memory, long enough to cost nothing. */
const INTERVAL_MS = 1000;
/** USER_HZ, the unit of times in /proc. It is 100 on every Linux architecture that Node supports. */
const TICKS_PER_SECOND = 100;
/** Positions of utime and stime in /proc/PID/stat after the name of the program, see proc_pid_stat(5). */
const [USER_TICKS, SYSTEM_TICKS] = [11, 12];
/** The folder of /proc with the threads of this process. */
const THREADS = '/proc/self/task';
/** Processes of one program: wrappers and the program. GDAL programs start no others. */
const MAX_PROCESSES = 16;

/** The state of all processes of a program at one time. */
export interface ProgramUsage {
  cpuSeconds: number;
  /** Changes when a process reads or writes: the counters of /proc/PID/io. */
  io: string;
  rssBytes: number;
}

/**
 * Calls `onExceeded` once when the program exceeds a limit. `pid` is its first process; the program may be a descendant
 * of it, as in bwrap. Returns a function that ends the watch.
 */
export function watchProgram(
  pid: number,
  limits: WatchLimits,
  onExceeded: (limit: ExceededLimit) => void,
  readUsage: (pid: number) => Promise<ProgramUsage | undefined> = readProgramUsage,
  intervalMs = INTERVAL_MS,
): () => void {
  const stall = new StallMeter();
  let timer = setTimeout(check, intervalMs);
  let ended = false;
  function check(): void {
    void readUsage(pid).then((usage) => {
      if (ended) return;
      if (usage !== undefined && stall.add(usage) >= limits.stalledCpuSeconds) return onExceeded('progress');
      if (usage !== undefined && usage.rssBytes > (limits.memoryBytes ?? Infinity)) return onExceeded('memory');
      timer = setTimeout(check, intervalMs);
    });
  }
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

/** Measures the processor time since the last read or write. */
export class StallMeter {
  #io = '';
  #cpuAtProgress = 0;

  /** The processor seconds without progress, up to this usage. */
  add({ cpuSeconds, io }: ProgramUsage): number {
    if (io !== this.#io) {
      this.#io = io;
      this.#cpuAtProgress = cpuSeconds;
    }
    return cpuSeconds - this.#cpuAtProgress;
  }
}

/**
 * The usage of a process and its descendants; undefined without /proc, and after the end of the program. Processes
 * whose counters are not readable, such as a bwrap that belongs to root, are not counted.
 */
export async function readProgramUsage(pid: number): Promise<ProgramUsage | undefined> {
  const pids = [String(pid)];
  const usage: ProgramUsage = { cpuSeconds: 0, io: '', rssBytes: 0 };
  for (let at = 0; at < pids.length && at < MAX_PROCESSES; at++) {
    const folder = `/proc/${pids[at]}`;
    const [stat, io, status, children] = await Promise.all(
      [`${folder}/stat`, `${folder}/io`, `${folder}/status`, `${folder}/task/${pids[at]}/children`].map(readProc),
    );
    pids.push(...(children?.split(' ').filter((child) => child !== '') ?? []));
    if (stat === undefined || io === undefined) continue;
    usage.cpuSeconds += processorSeconds(stat);
    usage.io += `${pids[at]}\n${io}`;
    usage.rssBytes += Number(/^VmRSS:\s*(\d+) kB/m.exec(status ?? '')?.[1] ?? 0) * 1024;
  }
  return usage.io === '' ? undefined : usage;
}

/**
 * The usage of all threads of this process except the main thread, which sends heartbeats. A library that works in
 * threads of its own, as DuckDB does, reads and writes its files in these.
 */
export function readThreadUsage(): Promise<ProgramUsage | undefined> {
  const usage: ProgramUsage = { cpuSeconds: 0, io: '', rssBytes: 0 };
  // Synchronous, because asynchronous reads are executed by threads that are counted here.
  for (const thread of existsSync(THREADS) ? readdirSync(THREADS) : []) {
    if (thread === String(process.pid)) continue;
    try {
      usage.cpuSeconds += processorSeconds(readFileSync(`${THREADS}/${thread}/stat`, 'latin1'));
      usage.io += `${thread}\n${readFileSync(`${THREADS}/${thread}/io`, 'latin1')}`;
    } catch {
      // The thread has ended.
    }
  }
  return Promise.resolve(usage.io === '' ? undefined : usage);
}

/** The processor time in the text of /proc/PID/stat. */
function processorSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) / TICKS_PER_SECOND;
}

function readProc(path: string): Promise<string | undefined> {
  return readFile(path, 'latin1').catch(() => undefined);
}
