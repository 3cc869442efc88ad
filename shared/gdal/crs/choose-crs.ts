import type { Note } from '#shared/contracts/shared-schemas.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Gdal } from '../gdal.ts';
import { checkCrsText, type Crs, crsLabel, isSameCrs, parseCrs } from './crs.ts';
import { identifyCrs, lookUpCrs } from './look-up-crs.ts';

/** The CRS of a file, and notes about the choice. */
export interface ChosenCrs {
  crs: Crs;
  /** True when the manifest declares the CRS, and the file contains none or a different one. */
  overrides: boolean;
  notes: Note[];
}

/**
 * Chooses the CRS of the manifest, else that of the file; never a default. A note records that the two differ. A CRS
 * without a code gets the EPSG code that projinfo identifies with certainty. `hint` starts the advice when there is no
 * CRS. Throws CRS_MISSING, CRS_UNREADABLE, and the errors of `readEmbedded`.
 */
export async function chooseCrs(
  { file, declared: text, hint = 'Set' }: { file: string; declared: string | undefined; hint?: string },
  readEmbedded: () => Promise<Crs | undefined>,
  { gdal, signal }: { gdal: Gdal; signal: AbortSignal },
): Promise<ChosenCrs> {
  const declared =
    text === undefined ? undefined : await identifyCrs(gdal, await lookUpCrs(gdal, checkCrsText(text), signal), signal);
  const notes: Note[] = [];
  const embedded = await readEmbedded()
    .then((crs) => crs && identifyCrs(gdal, crs, signal))
    .catch((thrown: unknown) => {
      const error = asSluiceError(thrown);
      if (declared === undefined || error.code !== 'CRS_UNREADABLE') throw error;
      notes.push(overrideNote(file, declared, 'the CRS in the file cannot be read'));
      return undefined;
    });
  const crs = declared ?? embedded;
  if (crs === undefined) throw crsMissing(file, hint);
  if (crs.kind === 'local') throw localCrs(file, crs);
  if (declared === undefined || (embedded !== undefined && isSameCrs(declared, embedded)))
    return { crs, overrides: false, notes: [] };
  if (embedded !== undefined) notes.push(overrideNote(file, declared, `the file contains ${crsLabel(embedded)}`));
  return { crs, overrides: true, notes };
}

/** Parses the CRS that a file contains. Throws CRS_UNREADABLE that names the file. */
export function parseEmbeddedCrs(wkt: string, file: string): Crs {
  try {
    return parseCrs(checkCrsText(wkt));
  } catch (thrown) {
    const error = asSluiceError(thrown);
    throw new SluiceError(error.code, `The CRS of ${file} cannot be read. ${error.message}`, {
      cause: thrown,
      details: { ...error.details, file },
    });
  }
}

function overrideNote(file: string, declared: Crs, difference: string): Note {
  return {
    code: 'CRS_DECLARED_OVERRIDES',
    file,
    message: `The manifest declares ${crsLabel(declared)}, but ${difference}. The CRS of the manifest was used.`,
  };
}

function crsMissing(file: string, hint: string): SluiceError {
  return new SluiceError(
    'CRS_MISSING',
    `Neither ${file} nor the manifest contains a coordinate reference system. ` +
      `${hint} \`crs\` for the file in the manifest.`,
    { details: { file } },
  );
}

function localCrs(file: string, crs: Crs): SluiceError {
  return new SluiceError(
    'CRS_UNREADABLE',
    `${file} uses the local coordinate system ${JSON.stringify(crs.name)}, which has no known position on Earth. ` +
      'Set `crs` for the file in the manifest.',
    { details: { file, crs: crs.name } },
  );
}
