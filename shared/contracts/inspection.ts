import { z } from 'zod';
import { ErrorDocumentSchema } from './shared-schemas.ts';

/** What an uploaded file contains, before a manifest names it. */

/** Layers that are listed; a file can have thousands. */
export const MAX_LISTED_LAYERS = 200;

/** A layer of a vector file, an image of a raster, or a table. */
export const InspectedLayerSchema = z.object({
  /** Null for a file with one layer without a name. */
  name: z.string().nullable(),
  /** GDAL's name of the type, such as `Multi Polygon`; null without geometries. */
  geometry_type: z.string().nullable(),
  /** Features or rows; null for rasters, and if they were not counted. */
  row_count: z.number().int().nullable(),
  column_count: z.number().int(),
  /** The names of the columns of the layer that is ingested. Empty for other layers: a database can have thousands. */
  columns: z.array(z.string()),
  /** `EPSG:n`, or the name of the CRS; null if the file declares none. */
  crs: z.string().nullable(),
  /** [west, south, east, north] in degrees; null if it is unknown. */
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]).nullable(),
  /** Of a raster. */
  pixels: z.object({ width: z.number().int(), height: z.number().int(), bands: z.number().int() }).optional(),
});
export type InspectedLayer = z.infer<typeof InspectedLayerSchema>;

export const InspectionSchema = z.object({
  layers: z.array(InspectedLayerSchema),
  /** The layer that is ingested. Null if the options do not select one. */
  chosen: z.number().int().nullable(),
  /** Why the file cannot be ingested with the options. */
  problem: ErrorDocumentSchema.nullable(),
});
export type Inspection = z.infer<typeof InspectionSchema>;
