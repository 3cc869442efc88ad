import type { ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import { statusOf } from '#shared/events/http-errors.ts';
import type { SluiceEvent } from '#shared/events/event.ts';

/** Knative limits the error data to this size. */
const MAX_ERROR_BYTES = 1024;
/** Each step of shortening keeps this share of the message. */
const SHORTEN_BY = 0.9;

/**
 * The event that the dead-letter sink receives: the original event with the attributes that Knative's sink adds.
 * `knativeerrordata` is the error reply in base64. It is shortened to valid JSON within Knative's limit: first the
 * details are removed, then the message is cut.
 */
export function deadLetterEvent(event: SluiceEvent, functionName: string, error: SluiceError): SluiceEvent {
  return {
    ...event,
    knativeerrordest: functionName,
    knativeerrorcode: String(statusOf(error)),
    knativeerrordata: Buffer.from(shortErrorBody(error.toDocument())).toString('base64'),
  };
}

function shortErrorBody(document: ErrorDocument): string {
  const body = (error: ErrorDocument) => JSON.stringify({ error });
  const fits = (text: string) => Buffer.byteLength(text) <= MAX_ERROR_BYTES;
  if (fits(body(document))) return body(document);
  const characters = [...document.message];
  let kept = characters.length;
  for (;;) {
    const message = kept < characters.length ? `${characters.slice(0, kept).join('')}…` : document.message;
    const text = body({ ...document, details: {}, message });
    if (fits(text) || kept === 0) return text;
    kept = Math.floor(kept * SHORTEN_BY);
  }
}
