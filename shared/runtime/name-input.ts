import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ErrorCodeName } from '#shared/errors/codes.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';

/** Errors that PostgreSQL raises for the content of a file, where its name is not known. */
const WITHOUT_INPUT: readonly ErrorCodeName[] = ['GEOMETRY_TOO_COMPLEX', 'OUT_OF_MEMORY', 'STATEMENT_TIMEOUT'];
/** Files that a message lists. */
const MAX_FILES = 3;

/** A file of the reply of load-to-postgis. Its rows follow those of the file before. */
interface LoadedFile {
  path: string;
  row_count: number;
}

/**
 * Adds the step and the input of the run to an error of a statement that exceeded a limit: the file with the feature
 * in `details.features` when the error has one, else all files, or the assets of a join.
 */
export function nameInput(error: SluiceError, step: StepName, run: RunDocument): SluiceError {
  if (!WITHOUT_INPUT.includes(error.code)) return error;
  const files = filesOf(error, run);
  const more = files.length > MAX_FILES ? `, … (${files.length} files)` : '';
  const input = files.length === 0 ? `batch ${run.batch_id}` : files.slice(0, MAX_FILES).join(', ') + more;
  return new SluiceError(error.code, `${input}: ${error.message} Step: ${step}.`, {
    details: { ...error.details, step, files },
    cause: error.cause,
  });
}

function filesOf(error: SluiceError, run: RunDocument): string[] {
  const feature = (error.details.features as { feature: number }[] | undefined)?.[0]?.feature;
  const loaded = loadedFiles(run);
  // The steps that a manifest adds can renumber features.
  if (feature === undefined || loaded.length === 0 || hasAddedSteps(run))
    return run.manifest.files.map(({ path }) => path);
  let last = 0;
  const found = loaded.find(({ row_count }) => feature <= (last += row_count));
  return found === undefined ? loaded.map(({ path }) => path) : [found.path];
}

function loadedFiles({ steps }: RunDocument): LoadedFile[] {
  const reply = steps.find(({ name }) => name === 'load-to-postgis')?.reply as
    { data?: { files?: LoadedFile[] } } | null | undefined;
  return reply?.data?.files ?? [];
}

function hasAddedSteps({ manifest }: RunDocument): boolean {
  return ((manifest.metadata.recipe as { steps?: unknown[] } | undefined)?.steps ?? []).length > 0;
}
