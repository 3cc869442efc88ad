import { z } from 'zod';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { RunDocument, Step } from '#shared/ledger/documents.ts';
import { ErrorDocumentSchema } from '#shared/contracts/facts.ts';

/** What the attributes of a dead letter say: the function that failed, and the error that it replied last. */
export interface Failure {
  /** Undefined when the attribute is missing. */
  functionName: string | undefined;
  /** Undefined when the reply was none of ours (a crash, a proxy), or was cut off. */
  error: ErrorDocument | undefined;
  httpStatus: string | undefined;
}

const ReplySchema = z.object({ error: ErrorDocumentSchema });

/** Reads `knativeerrordest`, `knativeerrorcode` and `knativeerrordata` (base64). Never throws: a dead letter of a dead letter helps nobody. */
export function failureOf(event: SluiceEvent): Failure {
  return {
    functionName: functionName(event.knativeerrordest),
    error: replyError(event.knativeerrordata),
    httpStatus: event.knativeerrorcode,
  };
}

/** A name as our router writes it, or the first part of the host name of a Knative address. */
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

/** The step of the run that failed: the one named, else the first that is not done. */
export function failedStep(run: Pick<RunDocument, 'steps'>, { functionName }: Failure): Step | undefined {
  return run.steps.find((step) => step.name === functionName) ?? run.steps.find((step) => step.status !== 'done');
}

/** The error that ends the run. The ledger's is whole where the reply's may be cut; a reply with another code is newer. */
export function errorOf(failure: Failure, step?: Pick<Step, 'name' | 'error'>): ErrorDocument {
  const { error } = failure;
  if (step?.error && (error === undefined || error.code === step.error.code)) return step.error;
  if (error !== undefined) return error;
  const name = failure.functionName ?? step?.name ?? 'A function';
  const status = failure.httpStatus === undefined ? '' : ` (HTTP ${failure.httpStatus})`;
  return {
    code: 'FUNCTION_UNAVAILABLE',
    message: `${name} gave no answer${status}.`,
    details: { function: name, http_status: failure.httpStatus ?? null },
  };
}
