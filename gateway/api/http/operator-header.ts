import type { Context } from 'hono';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Header with the name of the operator, in percent-encoded UTF-8 because headers are ASCII. */
const OPERATOR_HEADER = 'X-Operator';
/** The operator of a request without the header. */
const ANONYMOUS = 'anonymous';
/** The limit of an uploader's name in a manifest. */
const MAX_CHARACTERS = 128;

/** The operator of a request. Throws REQUEST_INVALID. */
export function operatorOf(c: Context): string {
  return parseOperator(c.req.header(OPERATOR_HEADER));
}

/** Throws REQUEST_INVALID for control characters, invalid percent-encoding, and a name that is too long. */
export function parseOperator(header: string | undefined): string {
  if (header === undefined || header.trim() === '') return ANONYMOUS;
  const operator = decode(header);
  if (/[\u0000-\u001f\u007f]/.test(operator)) throw invalid('contains control characters');
  if ([...operator].length > MAX_CHARACTERS) throw invalid(`is longer than ${MAX_CHARACTERS} characters`);
  return operator.trim() || ANONYMOUS;
}

function decode(header: string): string {
  try {
    return decodeURIComponent(header);
  } catch {
    throw invalid('is not valid percent-encoding; write % as %25');
  }
}

function invalid(problem: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', `The header ${OPERATOR_HEADER} ${problem}.`, {
    details: { header: OPERATOR_HEADER },
  });
}
