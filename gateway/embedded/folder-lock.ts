import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isDead, OWNER } from '#shared/runtime/owner.ts';

export interface FolderLock {
  release(): void;
}

/** What a lock file holds: who has it, and where that one can be found. */
interface Holder {
  owner: string;
  pid: number;
  url?: string | undefined;
}

/**
 * Takes a folder for this process until `release` or the death of the process; the lock of a dead process is taken over.
 * Throws SETUP_FAILED that names the process which has it. `what` is the subject of that message, such as `Sluice`.
 */
export function lockFolder(file: string, what: string, url?: string): FolderLock {
  mkdirSync(dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  // Written under its own name and then linked: a lock file is never seen half written, and linking fails when there is one.
  writeFileSync(mine, JSON.stringify({ owner: OWNER, pid: process.pid, url } satisfies Holder));
  try {
    for (;;) {
      if (linked(mine, file)) return { release: () => release(file) };
      const holder = readHolder(file);
      if (holder !== undefined && !isDead(holder.owner)) throw taken(file, what, holder);
      removeDead(file, `${mine}.old`);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw thrown;
  }
}

/** Moves the lock away first: when another starter has just replaced it by its own, that one is put back. */
function removeDead(file: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return; // Another starter was faster.
    throw thrown;
  }
  const moved = readHolder(aside);
  if (moved !== undefined && !isDead(moved.owner)) linked(aside, file);
  unlinkSync(aside);
}

function release(file: string): void {
  if (readHolder(file)?.owner === OWNER) rmSync(file, { force: true });
}

/** Undefined when there is no lock, or one that is no lock of ours. */
function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function taken(file: string, what: string, holder: Holder): SluiceError {
  const where = holder.url === undefined ? '' : ` at ${holder.url}`;
  return new SluiceError(
    'SETUP_FAILED',
    `${what} is running already in this folder${where} (process ${holder.pid}). Stop it there with Ctrl-C, or set SLUICE_HOME to another folder. If there is no such process, delete ${file}.`,
    { details: { file, pid: holder.pid } },
  );
}
