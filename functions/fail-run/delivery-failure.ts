import { z } from 'zod';
import { LANE_STEPS } from '#shared/contracts/lanes.ts';
import { ErrorDocumentSchema } from '#shared/contracts/shared-schemas.ts';
import { ERROR_CODES } from '#shared/errors/codes.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { RunDocument, Step } from '#shared/ledger/documents.ts';
import { listNames } from '#shared/text/list-names.ts';

/** Why the router no longer retries an event, according to the attributes of its dead letter. */
export interface DeliveryFailure {
  /** The function that failed. Undefined if the attribute is missing. */
  functionName: string | undefined;
  /** The error in its last reply. Undefined if the reply was truncated or was not sent by a function (crash, proxy). */
  error: ErrorDocument | undefined;
  httpStatus: string | undefined;
}

const STEP_NAMES = new Set<string>(Object.values(LANE_STEPS).flat());

const ReplySchema = z.object({ error: ErrorDocumentSchema });

/**
 * Reads `knativeerrordest`, `knativeerrorcode` and `knativeerrordata` (base64). Never throws, because fail-run must
 * handle every dead letter.
 */
export function readFailure(event: SluiceEvent): DeliveryFailure {
  return {
    functionName: functionName(event.knativeerrordest),
    error: replyError(event.knativeerrordata),
    httpStatus: event.knativeerrorcode,
  };
}

/**
 * The router writes the name of the function. Knative writes an address; the first part of its host name is the
 * function.
 */
function functionName(destination: string | undefined): string | undefined {
  if (destination === undefined || !URL.canParse(destination)) return destination;
  return new URL(destination).hostname.split('.')[0] || destination;
}

function replyError(data: string | undefined): ErrorDocument | undefined {
  try {
    return ReplySchema.parse(JSON.parse(Buffer.from(data ?? '', 'base64').toString())).error;
  } catch {
    return undefined;
  }
}

/**
 * False if the run cannot have produced the event: its lane does not have the step of the function, or the step before
 * that one is not done. Then the event was posted by another client, or is from before a restart.
 */
export function isDue(run: Pick<RunDocument, 'steps'>, { functionName }: DeliveryFailure): boolean {
  if (!STEP_NAMES.has(functionName ?? '')) return true;
  const index = run.steps.findIndex((step) => step.name === functionName);
  return index === 0 || run.steps[index - 1]?.status === 'done';
}

/**
 * The step that failed: the one of the function. If the function is unknown, the one that receives the event: Knative
 * names none when it got no response, and the broker when that did not accept the reply.
 */
export function findFailedStep(
  { steps }: Pick<RunDocument, 'steps'>,
  { functionName }: DeliveryFailure,
  { type }: Pick<SluiceEvent, 'type'>,
): Step | undefined {
  const preceding = steps.findIndex(({ reply }) => reply?.type === type);
  const isFirst = type.startsWith('sluice.run.requested.');
  const receiver = isFirst || preceding !== -1 ? steps[isFirst ? 0 : preceding + 1] : undefined;
  return steps.find((step) => step.name === functionName) ?? receiver ?? steps.find((step) => step.status !== 'done');
}

/** Statuses of a step that another worker holds, and of a function that accepts no further calls now. */
const BUSY_STATUSES = ['409', '429'];
/** Errors of a call without response. The worker may still execute the step, or may have ended without a release. */
const SILENT_CODES = ['FUNCTION_UNAVAILABLE', 'STEP_TIMEOUT'];
/** After this many claims, a step whose function does not respond has failed. */
const MAX_SILENT_ATTEMPTS = 3;

/** True if the function was busy: another worker held the step, or the function accepted no further calls. */
export function isBusy({ error, httpStatus }: DeliveryFailure): boolean {
  return error === undefined ? BUSY_STATUSES.includes(httpStatus ?? '') : error.code === 'STEP_BUSY';
}

/**
 * True if a worker that holds a valid claim of the step can still complete it: Knative cut off the request of this
 * worker, or the failure is a transient one of another delivery. Then the result of the worker counts, and monitor-runs
 * publishes the next event. Only the ledger can decide whether the claim is valid.
 */
export function yieldsToClaim({ error }: DeliveryFailure, { attempt }: Pick<Step, 'attempt'>): boolean {
  const isSilent = error === undefined || SILENT_CODES.includes(error.code);
  return isSilent ? attempt < MAX_SILENT_ATTEMPTS : ERROR_CODES[error.code].retryable;
}

/**
 * The error that ends the run. The error in the ledger is complete, while the one in the reply may be truncated. If
 * their codes differ, the reply is newer.
 */
export function chooseError(failure: DeliveryFailure, step?: Pick<Step, 'name' | 'error'>): ErrorDocument {
  const { error } = failure;
  if (step?.error && (error === undefined || error.code === step.error.code)) return step.error;
  if (error !== undefined) return error;
  const name = failure.functionName ?? step?.name ?? 'A function';
  const status = failure.httpStatus === undefined ? '' : ` (HTTP ${failure.httpStatus})`;
  return {
    code: 'FUNCTION_UNAVAILABLE',
    message: `${name} did not respond${status}.`,
    details: { function: name, http_status: failure.httpStatus ?? null },
  };
}

/** Errors of a process that ended during the step. It could not report which file it was reading. */
const ENDED_PROCESS = ['WORKER_DIED', 'MEMORY_LIMIT'];
const MAX_NAMED_FILES = 5;

/** Adds the files that the step was reading to the error of a process that ended. Other errors stay unchanged. */
export function withFiles(error: ErrorDocument, files: string[]): ErrorDocument {
  if (!ENDED_PROCESS.includes(error.code) || files.length === 0 || 'files' in error.details) return error;
  const noun = files.length === 1 ? 'file' : 'files';
  return {
    ...error,
    message: `${error.message} The step was reading the ${noun} ${listNames(files, MAX_NAMED_FILES)}.`,
    details: { ...error.details, files: files.slice(0, MAX_NAMED_FILES) },
  };
}
