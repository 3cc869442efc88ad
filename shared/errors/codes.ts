import { INPUT_CODES } from './input-codes.ts';
import { OPERATION_CODES } from './operation-codes.ts';

/**
 * Every error code. Codes are stable, because clients compare them. docs/errors.md is generated from these tables
 * (`npm run generate`).
 */
export const ERROR_CODES = { ...INPUT_CODES, ...OPERATION_CODES };

export type ErrorCodeName = keyof typeof ERROR_CODES;
