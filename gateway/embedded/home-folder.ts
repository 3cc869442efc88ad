import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isDiskFull } from '#shared/errors/system-failure.ts';
import { isDeadOnThisMachine, OWNER } from '#shared/processes/owner.ts';

/** The root folder of the Sluice package. */
const ROOT = resolve(import.meta.dirname, '../..');

/** SLUICE_HOME, by default `.sluice` in the folder of the package. */
export function homeFolder(): string {
  return resolve(process.env.SLUICE_HOME || join(ROOT, '.sluice'));
}

/** Size of the test file. A file system may store smaller files without a free block. */
const TEST_BYTES = 4096;

/**
 * Creates the folder SLUICE_HOME if it is missing, and writes a test file to it, so that a start fails before it has
 * begun. Throws SETUP_FAILED with the reason and the remedy if the folder cannot be created or written.
 */
export function prepareHome(home: string): void {
  const testFile = join(home, `write-test.${process.pid}`);
  try {
    const existing = lowestExistingFolder(home);
    if (!statSync(existing).isDirectory())
      throw unusable(home, `must be a folder, but ${existing} is a file. Remove it`);
    // mkdir does not report the cause when a parent folder is missing on a read-only file system.
    accessSync(existing, constants.W_OK | constants.X_OK);
    mkdirSync(home, { recursive: true });
    try {
      writeFileSync(testFile, Buffer.alloc(TEST_BYTES));
    } finally {
      rmSync(testFile, { force: true });
    }
  } catch (thrown) {
    throw thrown instanceof SluiceError ? thrown : unusable(home, problemOf(thrown), thrown);
  }
}

function lowestExistingFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : lowestExistingFolder(dirname(path));
}

function unusable(home: string, problem: string, cause?: unknown): SluiceError {
  return new SluiceError('SETUP_FAILED', `${home} (SLUICE_HOME) ${problem}, or set SLUICE_HOME to another folder.`, {
    cause,
    details: { folder: home },
  });
}

/** The problem and its remedy, without the end of the sentence. */
function problemOf(thrown: unknown): string {
  const { code, message } = thrown as NodeJS.ErrnoException;
  if (isDiskFull(thrown)) return 'is on a full disk. Free disk space';
  switch (code) {
    case 'EROFS':
      return 'is on a read-only file system. Make the file system writable';
    case 'EACCES':
    case 'EPERM':
      return 'is not writable for this user. Change the permissions of the folder';
    default:
      return `cannot be used: ${message}. Correct the path`;
  }
}

export interface FolderLock {
  release(): void;
}

/** Content of a lock file: the process that holds the lock. */
interface Holder {
  owner: string;
  pid: number;
  url?: string | undefined;
}

/**
 * Locks a folder for this process until `release`. The lock of a dead process is replaced. Throws SETUP_FAILED if
 * another process holds the lock. `what` is the subject of that message, for example `Sluice`.
 */
export function lockFolder(file: string, what: string, url?: string): FolderLock {
  mkdirSync(dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  // Written under another name and then linked: the lock file is always complete, and linking fails if it exists.
  writeFileSync(mine, JSON.stringify({ owner: OWNER, pid: process.pid, url } satisfies Holder));
  try {
    for (;;) {
      if (linked(mine, file)) return { release: () => release(file) };
      const holder = readHolder(file);
      if (holder !== undefined && !isDeadOnThisMachine(holder.owner)) throw lockedError(file, what, holder);
      removeDeadLock(file, `${mine}.old`);
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

/** Renames the lock first. If another process has replaced it in the meantime, the new lock is put back. */
function removeDeadLock(file: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return; // Another process has removed it.
    throw thrown;
  }
  const moved = readHolder(aside);
  if (moved !== undefined && !isDeadOnThisMachine(moved.owner)) linked(aside, file);
  unlinkSync(aside);
}

function release(file: string): void {
  if (readHolder(file)?.owner === OWNER) rmSync(file, { force: true });
}

/** The process that holds the lock. Undefined if the file is missing or is not a valid lock. */
function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function lockedError(file: string, what: string, holder: Holder): SluiceError {
  const where = holder.url === undefined ? '' : ` at ${holder.url}`;
  return new SluiceError(
    'SETUP_FAILED',
    `${what} is already running in this folder${where} (process ${holder.pid}). Stop it with Ctrl-C in its terminal, ` +
      `or set SLUICE_HOME to another folder. If this process does not exist, delete ${file}.`,
    { details: { file, pid: holder.pid } },
  );
}
