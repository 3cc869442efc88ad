import { readFile } from 'node:fs/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { ATTACHED_FILES, type RasterFormat } from '#shared/formats/raster-formats.ts';
import { isTiff, readFirstBytes } from '#shared/formats/signatures.ts';
import type { Source } from '#shared/landing/fetch-source.ts';

/**
 * Files that are named after the complete file name of a raster: GDAL's metadata (`a.tif.aux.xml`), and a mask
 * (`a.tif.msk`). GDAL reads both by itself when they are beside the raster.
 */

/** Names of metadata and elements whose values are names of other files. */
const FILE_REFERENCE = /OVERVIEW_FILE|[XY]_DATASET|SourceFilename|SourceDataset/i;
const MAX_CODE_POINT = 0x10ffff;
/** Sufficient for the signature of a TIFF. */
const SIGNATURE_BYTES = 16;

/** The source with the settings that GDAL needs to read its attached files. Throws FILE_FORBIDDEN_CONTENT. */
export async function allowAttachedFiles(source: Source<RasterFormat>): Promise<Source<RasterFormat>> {
  const { format, parts, path, file } = source;
  const { metadata, mask } = ATTACHED_FILES;
  let { drivers, environment } = format;
  if (parts.includes(metadata)) {
    if (FILE_REFERENCE.test(decoded(await readFile(`${path}${metadata}`, 'utf8')))) throw forbidden(file, metadata);
    environment = { ...environment, GDAL_PAM_ENABLED: 'YES' };
  }
  if (parts.includes(mask)) {
    if (!isTiff(await readFirstBytes(`${path}${mask}`, SIGNATURE_BYTES))) throw forbidden(file, mask);
    drivers = [...new Set([...drivers, 'GTiff'])];
  }
  return { ...source, format: { ...format, drivers, ...(environment === undefined ? {} : { environment }) } };
}

/** The text with its numeric character references, which GDAL also decodes in names. */
function decoded(xml: string): string {
  return xml.replaceAll(/&#(?:x([\da-f]{1,6})|(\d{1,7}));/gi, (reference, hex?: string, decimal?: string) => {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= MAX_CODE_POINT ? String.fromCodePoint(code) : reference;
  });
}

function forbidden(file: string, part: string): SluiceError {
  const problem = part === ATTACHED_FILES.mask ? 'is not a TIFF' : 'refers to other files';
  return new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `The ${part} file of ${file} ${problem}. Remove it, or export the raster again.`,
    { details: { file, part } },
  );
}
