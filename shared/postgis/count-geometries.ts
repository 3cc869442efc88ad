import format from 'pg-format';
import type { PostgisSession } from './postgis.ts';
import { PROCESSED_TABLE } from './tables.ts';

/** Counts what the asset says of the geometries of `processed`. */
export async function countGeometries(
  session: PostgisSession,
  geometryColumn: string,
): Promise<{ rows: number; nulls: number; empties: number }> {
  const sql = format(
    'select count(*)::float8 as rows, (count(*) - count(%1$I))::float8 as nulls, (count(*) filter (where ST_IsEmpty(%1$I)))::float8 as empties from %2$I',
    geometryColumn,
    PROCESSED_TABLE,
  );
  const [counts] = await session.query<{ rows: number; nulls: number; empties: number }>(sql);
  return counts ?? { rows: 0, nulls: 0, empties: 0 };
}
