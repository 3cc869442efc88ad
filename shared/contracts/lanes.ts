/** The lanes of a run and the steps of each. */

export const LANES = ['vector', 'raster', 'tabular', 'join'] as const;
export type Lane = (typeof LANES)[number];

/** The steps of a run of each lane, in order. Each step is executed by the function of the same name. */
export const LANE_STEPS = {
  vector: ['load-to-postgis', 'transform-recipe', 'export-geoparquet', 'record-lineage', 'archive'],
  raster: ['export-cog', 'record-lineage', 'archive'],
  tabular: ['export-parquet', 'record-lineage', 'archive'],
  join: ['join', 'export-geoparquet', 'record-lineage', 'archive'],
} as const satisfies Record<Lane, readonly string[]>;
export type StepName = (typeof LANE_STEPS)[Lane][number];

/** The types of the files of a manifest. The lane of the same name processes them. */
export const FILE_TYPES = ['vector', 'raster', 'tabular'] as const satisfies readonly Lane[];
export type FileType = (typeof FILE_TYPES)[number];

/** The intent of each lane without further processing. */
export const INTENT_OF_LANE = {
  vector: 'ingest_vector',
  raster: 'ingest_raster',
  tabular: 'ingest_tabular',
  join: 'join_datasets',
} as const satisfies Record<Lane, string>;

/** The lane of an intent of INTENT_OF_LANE. With any other intent, the type of the files determines the lane. */
export function laneOfIntent(intent: string): Lane | undefined {
  return LANES.find((lane) => INTENT_OF_LANE[lane] === intent);
}

/** Whether a step of the lane uses PostGIS. The runs of other lanes have no schema and are not placed on a server. */
export function usesPostgis(lane: Lane): boolean {
  return lane === 'vector' || lane === 'join';
}

/** The lane groups, which MANIFEST_ROUTER_ENABLED_LANES and run keys use. */
export const LANE_GROUP = {
  vector: 'ingest',
  raster: 'ingest',
  tabular: 'tabular',
  join: 'join',
} as const satisfies Record<Lane, string>;
