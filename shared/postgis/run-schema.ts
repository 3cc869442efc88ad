/** Maps a run id to the name of its PostGIS schema and back (RunIdSchemaMapping), so that a sweep finds the run of an orphan. */

const SCHEMA = /^proc_([0-9a-f]{8})_([0-9a-f]{4})_([0-9a-f]{4})_([0-9a-f]{4})_([0-9a-f]{12})$/;

/** `proc_` + run id with `-` as `_`. */
export function schemaOfRun(runId: string): string {
  return `proc_${runId.replaceAll('-', '_')}`;
}

/** The run id of a schema name, or undefined when the schema is not a run's. */
export function runOfSchema(schema: string): string | undefined {
  return SCHEMA.exec(schema)?.slice(1).join('-');
}
