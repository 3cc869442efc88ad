import { accessSync, constants, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isDiskFull } from '#shared/errors/system-failure.ts';

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
