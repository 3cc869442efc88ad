import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { asSluiceError, type ErrorDocument } from '#shared/errors/sluice-error.ts';
import { type ZipMember, withZipArchive } from '#shared/formats/zip.ts';
import { type LayoutOptions, copyRows, layOutTable } from './lay-out-table.ts';
import { readOdsSheet } from './ods/ods-sheet.ts';
import { SharedStrings } from './xlsx/shared-strings.ts';
import { type SheetColumnFacts, SheetWriter } from './sheet-writer.ts';
import type { ReadSheet, WorkbookFile } from './workbook.ts';
import { readXlsxSheet } from './xlsx/xlsx-sheet.ts';

/** A workbook to read in a worker. */
export interface SheetJob extends WorkbookFile, LayoutOptions {
  /** A folder for temporary files. */
  folder: string;
  /** The file for the rows, in the staged form. */
  rowsPath: string;
  /** Shared with the main thread, which ends a worker that reads no more bytes. */
  progress: Int32Array<SharedArrayBuffer>;
}

/** The table of a sheet, in the staged form. */
export interface SheetTable extends Pick<ReadSheet, 'name' | 'otherSheets'> {
  header: string[] | undefined;
  /** The number of the first row of data. */
  firstRow: number;
  rows: number;
  longestRow: number;
  columns: SheetColumnFacts[];
  hidden: { rows: number; columns: number };
  mergedRanges: number;
  notes: Note[];
}

export type SheetReply = { ok: true; table: SheetTable } | { ok: false; error: ErrorDocument };

/** The task of the worker thread. An error is returned, because it is copied. */
export default async function executeJob(job: SheetJob): Promise<SheetReply> {
  try {
    return { ok: true, table: await readTable(job) };
  } catch (thrown) {
    return { ok: false, error: asSluiceError(thrown).toDocument() };
  }
}

async function readTable(job: SheetJob): Promise<SheetTable> {
  const unpadded = join(job.folder, 'unpadded');
  const sheet = await readSheet(job, unpadded);
  const layout = layOutTable(sheet, job);
  const { header, columns, rows, firstRow, notes } = layout;
  copyRows(unpadded, job.rowsPath, layout, () => Atomics.add(job.progress, 0, 1));
  await Promise.all(['unpadded', 'texts'].map((name) => rm(join(job.folder, name), { force: true })));
  return {
    name: sheet.name,
    otherSheets: sheet.otherSheets,
    header,
    firstRow,
    rows,
    longestRow: sheet.longestRow,
    columns: sheet.columns.slice(0, columns),
    hidden: { rows: sheet.hiddenRows, columns: sheet.hiddenColumns },
    mergedRanges: sheet.mergedRanges,
    notes,
  };
}

function readSheet(job: SheetJob, path: string): Promise<ReadSheet> {
  const { file, sizeBytes, maxBytes, nullValues } = job;
  const makeWriter = () => new SheetWriter({ path, file, sizeBytes, maxBytes, nullValues });
  return withZipArchive(job.path, file, { maxBytes, backslashes: true }, async (members, _unpack, read) => {
    const parts = { file, members, open: (member: ZipMember) => countBytes(read(member), job.progress) };
    if (job.format === 'ODS') return readOdsSheet(job, parts, makeWriter);
    using strings = new SharedStrings(file, join(job.folder, 'texts'));
    return readXlsxSheet(job, parts, strings, makeWriter);
  });
}

async function* countBytes(
  chunks: AsyncIterable<Buffer>,
  progress: Int32Array<SharedArrayBuffer>,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    Atomics.add(progress, 0, 1);
    yield chunk;
  }
}
