import type { StepName } from '#shared/contracts/lanes.ts';
import type { ErrorCodeName } from '#shared/errors/codes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type EventData, type EventType, parseEventData, type SluiceEvent } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';

/**
 * The input of a step: the data of the event that the step before it recorded in the ledger. The data of the event
 * that was delivered are not used, because any client can post an event. Throws EVENT_INVALID for another event type,
 * and INTERNAL if no event was recorded.
 */
export function inputOfStep<T extends EventType>(
  { run, step }: { run: Pick<RunDocument, 'run_id' | 'steps'>; step: string },
  type: T,
): EventData<T> {
  const preceding = precedingStep(run, step);
  if (preceding?.reply) return parseEventData(preceding.reply as unknown as SluiceEvent, type);
  throw new SluiceError('INTERNAL', `The step before ${step} of run ${run.run_id} recorded no event.`, {
    details: { run_id: run.run_id, step },
  });
}

function precedingStep({ steps }: Pick<RunDocument, 'steps'>, name: string): RunDocument['steps'][number] | undefined {
  return steps[steps.findIndex((step) => step.name === name) - 1];
}

/** The attribute `sluiceclaim` of the event that a step returns: the claim that produced it. */
export function claimOfEvent({ step, token }: { step: string; token: number }): string {
  return `${step}/${token}`;
}

/**
 * False if the event names a claim other than the one whose reply the ledger holds for the step before `step`: it was
 * produced before a restart of the run, or by another program. An event without the attribute, such as the request for
 * the run, is not checked.
 */
export function isFromRecordedClaim(
  event: Pick<SluiceEvent, 'sluiceclaim'>,
  { run, step }: { run: Pick<RunDocument, 'steps'>; step: string },
): boolean {
  const preceding = precedingStep(run, step);
  if (event.sluiceclaim === undefined || preceding === undefined) return true;
  return event.sluiceclaim === claimOfEvent({ step: preceding.name, token: preceding.token });
}

/** Errors that PostgreSQL raises for the content of a file, where its name is not known. */
const WITHOUT_INPUT: readonly ErrorCodeName[] = ['GEOMETRY_TOO_COMPLEX', 'OUT_OF_MEMORY', 'STATEMENT_TIMEOUT'];
/** Largest number of files that a message lists. */
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
