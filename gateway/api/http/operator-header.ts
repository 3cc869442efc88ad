import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Header that says who acts. Percent-encoded UTF-8, for a header holds ASCII only. */
export const OPERATOR_HEADER = 'X-Operator';
/** Who acts when nobody says so. */
const ANONYMOUS = 'anonymous';
/** As long as an uploader's name may be. */
const MAX_CHARACTERS = 128;

/** The operator that a request names. Throws REQUEST_INVALID for control characters, bad percent-encoding, or a name that is too long. */
export function operatorOf(header: string | undefined): string {
  if (header === undefined || header.trim() === '') return ANONYMOUS;
  const operator = decode(header);
  if (/[\u0000-\u001f\u007f]/.test(operator)) throw refuse('holds control characters');
  if ([...operator].length > MAX_CHARACTERS) throw refuse(`is longer than ${MAX_CHARACTERS} characters`);
  return operator.trim() || ANONYMOUS;
}

function decode(header: string): string {
  try {
    return decodeURIComponent(header);
  } catch {
    throw refuse('is not valid percent-encoding; write % as %25');
  }
}

function refuse(reason: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', `The header ${OPERATOR_HEADER} ${reason}.`, {
    details: { header: OPERATOR_HEADER },
  });
}
