import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { hostname } from 'node:os';

/**
 * Names this process as the holder of claims: `host/boot/pid/start`. A process that died can be told from
 * one that lives and from a later one with the same number, so after a restart its claims are free at once.
 */
export const OWNER = [hostname(), bootId(), process.pid, startOf(process.pid)].join('/');

/** True when the owner was a process of this machine and is not running any more. False when that cannot be known. */
export function isDead(owner: string): boolean {
  const [host, boot, pid, start] = owner.split('/');
  if (host !== hostname() || pid === undefined || start === undefined) return false;
  if (boot !== bootId()) return true;
  const now = startOf(Number(pid));
  return now === undefined || now !== start;
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'boot'; // Not Linux: the start time of the process has to do.
  }
}

/** When a process started, in a form that differs between processes that had the same number; undefined when there is none. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Field 3 is the state (a zombie is dead), field 22 the start in clock ticks since boot: proc(5).
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  try {
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
        .trim()
        .replaceAll(/\W+/g, '-') || undefined
    );
  } catch {
    return undefined;
  }
}
