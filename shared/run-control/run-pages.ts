import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger, RunFilter } from '#shared/ledger/ledger.ts';

/** Runs in one page of the ledger. */
const RUNS_PER_PAGE = 100;

/**
 * The runs of a filter in pages, newest first. A run can be missing, because the pages shift when other runs no longer
 * match.
 */
export async function* runPages(
  ledger: Pick<Ledger, 'listRuns'>,
  filter: Omit<RunFilter, 'limit' | 'offset'> = {},
): AsyncIterable<RunDocument[]> {
  for (let offset = 0; ; offset += RUNS_PER_PAGE) {
    const runs = await ledger.listRuns({ ...filter, limit: RUNS_PER_PAGE, offset });
    if (runs.length > 0) yield runs;
    if (runs.length < RUNS_PER_PAGE) return;
  }
}
