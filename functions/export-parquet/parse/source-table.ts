import type { z } from 'zod';
import type { Note, SourceFile } from '#shared/contracts/facts.ts';
import type { TextTable } from '#shared/delimited/infer/text-table.ts';
import type { TabularParametersSchema } from '#shared/manifest/manifest.ts';

/** `metadata.tabular` of the manifest. */
export type TabularParameters = z.infer<typeof TabularParametersSchema>;

/** One file of the manifest as a table that DuckDB reads. */
export interface SourceTable extends TextTable {
  source: SourceFile;
  notes: Note[];
}
