import { SluiceError } from '#shared/errors/sluice-error.ts';

/** RECIPE_INVALID for a parameter by its path in the manifest; `says` goes on after the path and a colon. */
export function invalidParameter(path: string, says: string, details: Record<string, unknown> = {}): SluiceError {
  return new SluiceError('RECIPE_INVALID', `${path}: ${says}`, { details: { parameter: path, ...details } });
}
