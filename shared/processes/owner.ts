import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * The owner of claims: `host/boot/namespace/pid/start`. Process ids are unique within one PID namespace of one boot of
 * a machine, and are reused; the start time distinguishes a process from a later one with the same id.
 */
interface Owner {
  host: string;
  /** Id of the boot of the kernel. Containers of one machine have the same one. */
  boot: string;
  /** PID namespace. Each container has its own, in which process ids start at 1. */
  namespace: string;
  pid: string;
  /** Start time of the process. */
  start: string;
}

const SELF: Owner = {
  host: hostname(),
  boot: bootId(),
  namespace: pidNamespace(),
  pid: String(process.pid),
  start: startOf('self') ?? '',
};

/** This process, as the owner of its claims. */
export const OWNER = [SELF.host, SELF.boot, SELF.namespace, SELF.pid, SELF.start].join('/');

/**
 * True when the owner was a process of this machine and PID namespace that has ended. For every other owner this is
 * unknown, and the result is false: its claim is free when its lease expires.
 */
export function isDead(owner: string): boolean {
  const [host, boot, namespace, pid, start] = owner.split('/');
  if (pid === undefined || start === undefined) return false;
  if (host !== SELF.host || boot !== SELF.boot || namespace !== SELF.namespace) return false;
  return startOf(pid === SELF.pid ? 'self' : pid) !== start;
}

/**
 * As isDead, for an owner that is known to be of this machine, such as the holder of a lock file in a local folder: an
 * owner of an earlier boot has ended. Accepts the form of earlier releases, which has no namespace.
 */
export function isDeadOnThisMachine(owner: string): boolean {
  const parts = owner.split('/');
  const [host = '', boot = '', ...rest] = parts;
  if (host !== SELF.host) return false;
  if (boot !== SELF.boot) return true;
  return isDead(parts.length === 4 ? [host, boot, SELF.namespace, ...rest].join('/') : owner);
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'boot'; // Not Linux. The start time alone identifies the process.
  }
}

/** The PID namespace of this process, such as `pid:[4026531836]`. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return 'pid'; // Not Linux, which has no PID namespaces.
  }
}

/** The start time of a process; undefined when there is no such process. Its form depends on the system. */
function startOf(pid: string): string | undefined {
  if (process.platform === 'linux') return linuxStartOf(pid);
  const id = pid === 'self' ? String(process.pid) : pid;
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', id], { encoding: 'utf8' }).trim();
    return text.replaceAll(/\W+/g, '-') || undefined;
  } catch {
    return undefined;
  }
}

function linuxStartOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // proc(5): field 3 is the state (a zombie has ended), field 22 the start in clock ticks since the boot.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
