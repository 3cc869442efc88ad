import { SluiceError, type ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { statusOf } from '#shared/events/http-errors.ts';

/** An event that a function can't handle. It stays listed until a person re-drives or discards it. */
export interface DeadLetter {
  id: string;
  /** The function that failed. */
  function: string;
  event: SluiceEvent;
  error: ErrorDocument;
  /** Tries that it had. */
  attempts: number;
  /** ISO 8601 in UTC. */
  failed_at: string;
}

/** Knative cuts the error data at this many bytes. */
const ERROR_DATA_BYTES = 1024;
/** U+FFFD stands for what PostgreSQL can't store. */
const REPLACEMENT = '\ufffd';

/**
 * The event that the dead-letter sink receives: the original one, with the attributes that Knative's sink adds. `knativeerrordata` is
 * the error reply in base64, shortened so that it stays valid JSON: first without details, then with a shorter message.
 */
export function deadLetterEvent(event: SluiceEvent, functionName: string, error: SluiceError): SluiceEvent {
  return {
    ...event,
    knativeerrordest: functionName,
    knativeerrorcode: String(statusOf(error)),
    knativeerrordata: Buffer.from(shortened(error.toDocument())).toString('base64'),
  };
}

function shortened(document: ErrorDocument): string {
  const body = (error: ErrorDocument) => JSON.stringify({ error });
  const fits = (text: string) => Buffer.byteLength(text) <= ERROR_DATA_BYTES;
  if (fits(body(document))) return body(document);
  const characters = [...document.message];
  let kept = characters.length;
  for (;;) {
    const text = body({
      ...document,
      details: {},
      message: kept < characters.length ? `${characters.slice(0, kept).join('')}…` : document.message,
    });
    if (fits(text) || kept === 0) return text;
    kept = Math.floor(kept * 0.9);
  }
}

/** An error as it can be stored: messages of other programs may hold bytes that PostgreSQL refuses. */
export function storableError(error: SluiceError): ErrorDocument {
  const clean = (text: string) => text.toWellFormed().replaceAll('\0', REPLACEMENT);
  return JSON.parse(
    JSON.stringify(error.toDocument(), (_key, value: unknown) => (typeof value === 'string' ? clean(value) : value)),
  ) as ErrorDocument;
}
