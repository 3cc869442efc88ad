/** The lanes of a run and the steps of each. */

export const LANES = ['vector', 'raster', 'tabular', 'join'] as const;
export type Lane = (typeof LANES)[number];

/** The functions that a run of each lane passes through, in order. A run's `steps` are made from this when it is admitted. */
export const LANE_STEPS = {
  vector: ['load-to-postgis', 'transform-recipe', 'export-geoparquet', 'record-lineage', 'archive'],
  raster: ['export-cog', 'record-lineage', 'archive'],
  tabular: ['export-parquet', 'record-lineage', 'archive'],
  join: ['join', 'export-geoparquet', 'record-lineage', 'archive'],
} as const satisfies Record<Lane, readonly string[]>;
export type StepName = (typeof LANE_STEPS)[Lane][number];

/** How MANIFEST_ROUTER_ENABLED_LANES and run keys name the lanes. */
export const LANE_GROUP = {
  vector: 'ingest',
  raster: 'ingest',
  tabular: 'tabular',
  join: 'join',
} as const satisfies Record<Lane, string>;
