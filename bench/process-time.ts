import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { descendants } from './memory.ts';

/** Fields of /proc/PID/stat after the name of the program (proc(5)), counted from 0. */
const [UTIME, STIME, CUTIME, CSTIME] = [11, 12, 13, 14];
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Processor seconds of a process and of its children that have ended. 0 for an unknown process. */
function processSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [UTIME, STIME, CUTIME, CSTIME].reduce((sum, field) => sum + Number(fields[field]), 0) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/** Processor seconds of a process without its children. */
export function ownSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [UTIME, STIME].reduce((sum, field) => sum + Number(fields[field]), 0) / TICKS_PER_SECOND;
}

/** Processor seconds of a process and of all its children. */
export function treeSeconds(pid: number): number {
  return [pid, ...descendants(pid)].reduce((sum, each) => sum + processSeconds(each), 0);
}
