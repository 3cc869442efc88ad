import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Note } from '#shared/contracts/facts.ts';
import { checkCrsText, crsLabel, isSameCrs, lookUpCrs } from './crs.ts';
import type { Gdal } from '../gdal.ts';
import { identifyCrs } from './identify-crs.ts';
import { type Crs, parseCrs } from './wkt.ts';

/** The CRS that a file is read in, and what a person should know of it. */
export interface ChosenCrs {
  crs: Crs;
  /** True when the manifest says it and the file says nothing, or something else. */
  overrides: boolean;
  notes: Note[];
}

/**
 * The CRS of the manifest, else that of the file; never a guess. A declared one that differs from the file's is noted. One without a code
 * becomes the one of the register that it is, if that is certain.
 * `hint` begins the advice when there is none. Throws CRS_MISSING, CRS_UNREADABLE, and what `ofFile` throws.
 */
export async function chooseCrs(
  { file, declared: text, hint = 'Set' }: { file: string; declared: string | undefined; hint?: string },
  ofFile: () => Promise<Crs | undefined>,
  { gdal, signal }: { gdal: Gdal; signal: AbortSignal },
): Promise<ChosenCrs> {
  const declared =
    text === undefined ? undefined : await identifyCrs(gdal, await lookUpCrs(gdal, checkCrsText(text), signal), signal);
  const notes: Note[] = [];
  const embedded = await ofFile()
    .then((crs) => crs && identifyCrs(gdal, crs, signal))
    .catch((thrown: unknown) => {
      const error = asSluiceError(thrown);
      if (declared === undefined || error.code !== 'CRS_UNREADABLE') throw error;
      notes.push(overridden(file, declared, 'what the file says cannot be read'));
      return undefined;
    });
  const crs = declared ?? embedded;
  if (crs === undefined) {
    throw new SluiceError(
      'CRS_MISSING',
      `Neither ${file} nor the manifest says which coordinate reference system its coordinates are in. ${hint} \`crs\` for the file in the manifest.`,
      { details: { file } },
    );
  }
  if (crs.kind === 'local')
    throw new SluiceError(
      'CRS_UNREADABLE',
      `${file} is in the local system ${JSON.stringify(crs.name)}, which has no known place on Earth. Set \`crs\` for the file in the manifest.`,
      { details: { file, crs: crs.name } },
    );
  if (declared === undefined || (embedded !== undefined && isSameCrs(declared, embedded)))
    return { crs, overrides: false, notes: [] };
  if (embedded === undefined) return { crs, overrides: true, notes };
  return { crs, overrides: true, notes: [overridden(file, declared, `the file says ${crsLabel(embedded)}`)] };
}

function overridden(file: string, declared: Crs, says: string): Note {
  return {
    code: 'CRS_DECLARED_OVERRIDES',
    file,
    message: `The manifest says ${crsLabel(declared)}, ${says}; the manifest was believed.`,
  };
}

/** The CRS whose text a file holds. Throws CRS_UNREADABLE that names the file. */
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
