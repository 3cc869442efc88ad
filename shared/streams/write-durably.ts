import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Mode and owner of a new file. By default, those that the system gives to new files of the process. */
export interface FileOwnership {
  /** For example 0o600. The umask does not apply. */
  mode?: number;
  owner?: { uid: number; gid: number };
}

/**
 * Replaces a file as a whole, and returns when it is on the disk: a reader never sees a part of it, and it survives a
 * power failure. The caller prevents that another process writes it meanwhile. Throws the error of the file system.
 */
export function writeDurably(file: string, content: string | Uint8Array, ownership: FileOwnership = {}): void {
  publishFile(file, '.new', { content, ...ownership }, (unfinished) => renameSync(unfinished, file));
}

/**
 * Creates a file as `writeDurably` does. If it exists, or another process creates it meanwhile, it is kept. Throws the
 * error of the file system.
 */
export function createDurably(file: string, content: string | Uint8Array, ownership: FileOwnership = {}): void {
  publishFile(file, `.${process.pid}.new`, { content, ...ownership }, (unfinished) => {
    try {
      linkSync(unfinished, file);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    }
    rmSync(unfinished);
  });
}

function publishFile(
  file: string,
  ending: string,
  { content, mode, owner }: FileOwnership & { content: string | Uint8Array },
  publish: (unfinished: string) => void,
): void {
  const unfinished = join(dirname(file), `.${basename(file)}${ending}`);
  rmSync(unfinished, { force: true }); // Of a killed process; its mode and owner may differ.
  try {
    const opened = openSync(unfinished, 'wx', mode);
    try {
      // A process without CAP_FOWNER cannot change the mode of a file that it has given away.
      if (mode !== undefined) fchmodSync(opened, mode);
      if (owner !== undefined) giveTo(opened, owner);
      writeFileSync(opened, content);
      fsyncSync(opened);
    } finally {
      closeSync(opened);
    }
    publish(unfinished);
  } catch (thrown) {
    rmSync(unfinished, { force: true });
    throw thrown;
  }
  syncFolder(dirname(file));
}

/** Some file systems cannot sync a folder, and some folders cannot be opened. The file is complete nevertheless. */
const CANNOT_SYNC = ['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP'];

function syncFolder(folder: string): void {
  let opened: number | undefined;
  try {
    opened = openSync(folder, 'r');
    fsyncSync(opened);
  } catch (thrown) {
    if (!CANNOT_SYNC.includes((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}

function giveTo(opened: number, { uid, gid }: { uid: number; gid: number }): void {
  const own = fstatSync(opened);
  if (own.uid !== uid || own.gid !== gid) fchownSync(opened, uid, gid);
}
