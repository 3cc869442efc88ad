import { readdir, readFile } from 'node:fs/promises';
import { isDead } from './owner.ts';

/** A variable in the environment of every program that reads a file of a user: the process that started it. */
export const STARTED_BY = 'SLUICE_STARTED_BY';
const VALUE = new RegExp(`(?:^|\\0)${STARTED_BY}=([^\\0]*)`);
/** Files of /proc that are read at the same time. */
const TOGETHER = 16;

/**
 * Kills the programs whose starter has ended, and returns their number. Normally the kernel ends a program with its
 * starter, but not if the starter is killed before the wrapper of the program has requested this, and not on machines
 * without the wrappers. Has no effect on systems without /proc.
 */
export async function endLeftoverPrograms(): Promise<number> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  let ended = 0;
  const check = async () => {
    for (let pid = pids.pop(); pid !== undefined; pid = pids.pop()) {
      // The environment of processes of other users is not readable.
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      const starter = VALUE.exec(environment)?.[1];
      if (starter !== undefined && isDead(starter) && kill(Number(pid))) ended += 1;
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, check));
  return ended;
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false; // It has ended.
  }
}
