import type { Note } from '#shared/contracts/facts.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RasterSource } from './fetch-raster.ts';
import { type GribFields, readGribFields } from './grib-fields.ts';
import type { RasterInfo } from './raster-info.ts';

/**
 * Throws FILE_UNREADABLE for a GRIB file whose fields GDAL would lose or place wrongly. Returns a note for a grid that
 * GDAL places approximately. Other formats pass.
 */
export async function checkGrib(
  { file, format, path }: RasterSource,
  { bands }: Pick<RasterInfo, 'bands'>,
  signal: AbortSignal,
): Promise<Note[]> {
  if (format.name !== 'GRIB') return [];
  const fields = await readGribFields(path, signal);
  const problem = problemOf(fields, bands.length);
  if (problem !== undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} ${problem}`, { details: { file, ...fields } });
  const notes: Note[] = [];
  if (fields.isGaussian)
    notes.push({
      code: 'GRID_APPROXIMATED',
      file,
      message:
        `${file} has a Gaussian grid, whose rows have different distances. The asset has rows of equal ` +
        'distances, so that latitudes can differ by up to half of a row. Values were not changed.',
    });
  const { scaledConstant } = fields;
  if (scaledConstant !== undefined) {
    const { field, reference, decimalScale } = scaledConstant;
    notes.push({
      code: 'CONSTANT_FIELD_AMBIGUOUS',
      file,
      message:
        `Field ${field} of ${file} has one value for all points, and a decimal scale of ${decimalScale}. The asset ` +
        `has ${reference / 10 ** decimalScale}, as GDAL reads it. ecCodes reads and writes ${reference} for such a ` +
        'field. If ecCodes wrote the file, set the decimal scale to 0 and upload it again.',
    });
  }
  return notes;
}

function problemOf({ fields, damagedMessage, otherGrid, secondMissingValue }: GribFields, bands: number) {
  if (damagedMessage !== undefined)
    return `is damaged: its message ${damagedMessage} is not complete. Upload the complete file.`;
  if (otherGrid !== undefined)
    return (
      `has fields on different grids: the grid of field ${otherGrid} is not that of field 1. ` +
      'Write one file for each grid, for example with grib_copy, and upload them.'
    );
  if (fields !== bands)
    return `has ${fields} fields, of which GDAL can read ${bands}. Upload the fields in another packing or format.`;
  if (secondMissingValue !== undefined)
    return (
      `has two missing values in field ${secondMissingValue}, but an asset has one. ` +
      'Pack the field again, for example with grib_set -r -s packingType=grid_simple, and upload the file.'
    );
  return undefined;
}
