import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { VectorSource } from '../vector-source.ts';
import type { DeclaredTypes } from '../texts/text-facts.ts';

/** Schemas that are rewritten. Those of GDAL have about 300 bytes per field. */
const MAX_SCHEMA_BYTES = 16 * 2 ** 20;
/** The types of XML Schema that GDAL reads as numbers, dates and booleans, as the type or the base of an element. */
const TYPED =
  /\b(type|base)(\s*=\s*["'])((?:\w+:)?)(?:decimal|double|float|integer|int|long|short|byte|boolean|date|time|dateTime|nonNegativeInteger|positiveInteger|negativeInteger|nonPositiveInteger|unsigned(?:Int|Long|Short|Byte))(["'])/g;
const LIMITS = /<(?:\w+:)?(?:totalDigits|fractionDigits|maxLength|length)\b[^<>]*\/>/g;

const NO_TYPES: DeclaredTypes = () => undefined;

/**
 * The types that the schema of a GML file declares, as GDAL reads them; no types when GDAL uses no schema. Changes the
 * local copy of the schema, so that GDAL reads every element as text: it reads a decimal with 15 digits, and cuts a
 * text that is longer than declared.
 */
export async function declareGmlTexts({ path, parts, file }: VectorSource, layer: Layer): Promise<DeclaredTypes> {
  const schema = `${stemOf(path)}.xsd`;
  // GDAL writes a .gfs file beside a document whose schema is missing or is not one that it reads.
  if (!parts.includes('.xsd') || existsSync(`${stemOf(path)}.gfs`)) return NO_TYPES;
  if ((await stat(schema)).size > MAX_SCHEMA_BYTES)
    throw new SluiceError('FILE_TOO_LARGE', `The schema (.xsd) of ${file} has more than ${MAX_SCHEMA_BYTES} bytes.`, {
      details: { file, limit: MAX_SCHEMA_BYTES },
    });
  const text = await readFile(schema, 'latin1');
  await writeFile(schema, text.replaceAll(TYPED, '$1$2$3string$4').replaceAll(LIMITS, ''), 'latin1');
  return (_, index) => layer.fields[index]?.type;
}
