import { z } from 'zod';

/** Codes of the EPSG register, written `EPSG:n`. */

const EPSG_CODE = /^EPSG:(\d{1,6})$/;

export const EpsgCodeSchema = z.string().regex(EPSG_CODE, 'must be EPSG:n');

/** The number in `EPSG:n`; undefined for any other text. */
export function epsgNumber(code: string | null | undefined): number | undefined {
  const digits = EPSG_CODE.exec(code ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}
