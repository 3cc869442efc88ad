import type { Inspection } from '#shared/contracts/inspection.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { inspectionCompleted, parseInspectionRequest } from '#shared/events/inspection.ts';
import {
  type ManifestFile,
  ManifestFileSchema,
  type TabularParameters,
  TabularParametersSchema,
} from '#shared/manifest/manifest.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import type { Context } from './context.ts';
import { openInspectionFolder } from './scratch.ts';

/**
 * Time limit of an inspection, in seconds. A user who would wait longer starts the run, which reports the same errors.
 */
export const INSPECTION_SECONDS = 120;
/** Inspections that a process executes at the same time. Each downloads files, and uses a processor. */
export const MAX_INSPECTIONS = 4;
/** A client whose inspection is rejected repeats the request after this time. Most inspections take less. */
const RETRY_AFTER_SECONDS = 5;
let running = 0;

/** What a function needs to describe an uploaded file, without a run and a claim. */
export interface InspectionRequest extends Pick<Context, 'objects' | 'env' | 'gdal' | 'signal'> {
  file: ManifestFile;
  /** `metadata.tabular` of the future manifest. */
  tabular: TabularParameters;
  /** Receives the file, and is deleted after the inspection. */
  folder: string;
}

/**
 * Answers the event INSPECTION_REQUESTED with the description of the file that it names. Nothing is stored. Throws
 * EVENT_INVALID, TOO_MANY_TRANSFERS, STEP_TIMEOUT after INSPECTION_SECONDS, and the errors of `inspect`.
 */
export async function answerInspection(
  event: SluiceEvent,
  context: Context,
  inspect: (request: InspectionRequest) => Promise<Inspection>,
): Promise<SluiceEvent> {
  const data = parseInspectionRequest(event);
  const file = ManifestFileSchema.safeParse(data.file);
  const tabular = TabularParametersSchema.safeParse(data.tabular);
  if (!file.success || !tabular.success)
    throw new SluiceError('EVENT_INVALID', `The data of ${event.type} is not a file of a manifest.`, {
      details: { type: event.type },
    });
  const { objects, env, gdal } = context;
  const request = { objects, env, gdal, file: file.data, tabular: tabular.data };
  const subject = { named: file.data.path, details: { file: file.data.path } };
  const inspection = await inspectWithin(context, subject, (limits) => inspect({ ...request, ...limits }));
  return inspectionCompleted(event, inspection);
}

/** What an inspection reads, for its errors. */
export interface InspectionSubject {
  /** Completes the sentence "… was not read within 120 s". */
  named: string;
  details: Record<string, unknown>;
}

/**
 * Executes an inspection within its limits of time and number, with a folder that is deleted afterwards. Throws
 * TOO_MANY_TRANSFERS, STEP_TIMEOUT after INSPECTION_SECONDS, and the errors of `inspect`.
 */
export async function inspectWithin<T>(
  context: Pick<Context, 'env' | 'signal'>,
  subject: InspectionSubject,
  inspect: (limits: Pick<InspectionRequest, 'folder' | 'signal'>) => Promise<T>,
): Promise<T> {
  using _slot = takeSlot();
  using limits = new JoinedSignal([context.signal], INSPECTION_SECONDS * 1000);
  await using scratch = await openInspectionFolder(context.env);
  try {
    return await inspect({ folder: scratch.folder, signal: limits.signal });
  } catch (thrown) {
    throw limits.timedOut ? timeoutOf(subject, thrown) : thrown;
  }
}

/**
 * Counts an inspection until it has ended. The gateway counts a request only until its client disconnects, which is
 * before the aborted work has ended.
 */
function takeSlot(): Disposable {
  if (running >= MAX_INSPECTIONS)
    throw new SluiceError('TOO_MANY_TRANSFERS', `The function already executes ${MAX_INSPECTIONS} inspections.`, {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      details: { limit: MAX_INSPECTIONS },
    });
  running += 1;
  return {
    [Symbol.dispose]: () => {
      running -= 1;
    },
  };
}

function timeoutOf({ named, details }: InspectionSubject, cause: unknown): SluiceError {
  return new SluiceError(
    'STEP_TIMEOUT',
    `${named} was not read within ${INSPECTION_SECONDS} s. Start the run without the inspection: its time limit is ` +
      'STEP_TIMEOUT_SECONDS.',
    { cause, details },
  );
}
