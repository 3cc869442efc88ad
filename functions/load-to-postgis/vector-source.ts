import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import type { Source } from '#shared/landing/fetch-source.ts';
import type { GeoJsonFacts } from './geojson/json-facts.ts';
import type { SqliteSchema } from './guards/sqlite-schema.ts';

/** A vector file of the manifest after its download. */
export type VectorSource = Source<VectorFormat> & {
  /** Schema of a GeoPackage or SQLite database. */
  schema?: SqliteSchema | undefined;
  /** What the scan of a rewritten GeoJSON found. */
  json?: GeoJsonFacts | undefined;
  /** The text beside values of a rewritten KML or GPX file (load/declare-texts.ts). */
  valueMarker?: string | undefined;
  /** See DeclaredTexts. */
  isExtrudeUnset?: boolean | undefined;
  /** Whether lines of a GPX file get the elevations of their points as Z. */
  hasElevations?: boolean;
};

/** What GDAL, or the headers of a shapefile, declare about the layer to load. */
export interface LayerDescription {
  /** The layer to load. */
  layer: Layer;
  /** True when the file has no other layer. */
  singleLayer: boolean;
  /** The messages of ogrinfo; empty when it was not run. */
  stderr: string;
}
