import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Replaces a file as a whole, and returns when it is on the disk. Throws the error of the file system. */
export function writeDurably(file: string, content: string | Uint8Array, mode?: number): void {
  const unfinished = join(dirname(file), `.${basename(file)}.new`);
  rmSync(unfinished, { force: true }); // Of a killed process; its mode may differ.
  writeFileSync(unfinished, content, { flush: true, ...(mode === undefined ? {} : { mode }) });
  renameSync(unfinished, file);
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
