import { createHash } from 'node:crypto';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Crs, crsLabel, inXyOrder } from '#shared/gdal/crs/crs.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

// The SRID of a CRS is its number in PostGIS's table spatial_ref_sys.

/** PostGIS reserves the SRIDs from 910000 to 998999 for users. */
const FIRST_USER_SRID = 910_000;
const USER_SRIDS = 89_000;
/** The length of the column srtext of spatial_ref_sys in characters. */
const MAX_SRTEXT_LENGTH = 2048;
/** Key of the advisory lock for inserts. The number is arbitrary; no other lock of Sluice uses it. */
const INSERT_LOCK = 5_128_004;

/**
 * The SRID of a CRS. A CRS that PostGIS does not have is inserted once, for all runs, under a number derived from its
 * text. It is not deleted after the run, because it is reference data. Throws CRS_UNREADABLE when its text is too long.
 */
export async function sridOf(session: PostgisSession, crs: Crs): Promise<number> {
  const { authority } = inXyOrder(crs);
  if (authority !== undefined && /^\d+$/.test(authority.code)) {
    const [row] = await session.query<{ srid: number }>(
      'select srid from spatial_ref_sys where auth_name = $1 and auth_srid = $2',
      [authority.name, Number(authority.code)],
    );
    if (row !== undefined) return row.srid;
  }
  if (crs.wkt.length > MAX_SRTEXT_LENGTH) {
    throw new SluiceError(
      'CRS_UNREADABLE',
      `The definition of ${crsLabel(crs)} has ${crs.wkt.length} characters; PostGIS stores at most ` +
        `${MAX_SRTEXT_LENGTH}. Use a CRS with an EPSG code.`,
      { details: { crs: crsLabel(crs), length: crs.wkt.length } },
    );
  }
  return insertCrs(session, crs);
}

async function insertCrs(session: PostgisSession, crs: Crs): Promise<number> {
  await session.query('begin');
  try {
    await session.query('select pg_advisory_xact_lock($1)', [INSERT_LOCK]);
    const srid = await findOrInsert(session, crs.wkt);
    await session.query('commit');
    return srid;
  } catch (thrown) {
    await session.client.query('rollback').catch(() => undefined);
    throw thrown;
  }
}

/** Tries the user SRIDs from the one derived from the text, until one is free or has the same text. */
async function findOrInsert(session: PostgisSession, wkt: string): Promise<number> {
  const hash = Number.parseInt(createHash('sha256').update(wkt).digest('hex').slice(0, 8), 16);
  for (let step = 0; ; step++) {
    const srid = FIRST_USER_SRID + ((hash + step) % USER_SRIDS);
    const [row] = await session.query<{ srtext: string | null }>('select srtext from spatial_ref_sys where srid = $1', [
      srid,
    ]);
    if (row?.srtext === wkt) return srid;
    if (row !== undefined) continue;
    // Without an authority, PostGIS uses the text.
    await session.query(
      `insert into spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text)
       values ($1, null, null, $2, null)`,
      [srid, wkt],
    );
    return srid;
  }
}

/** The EPSG code of an SRID, by which ogr2ogr finds it in PostGIS; undefined for a CRS that is not EPSG's. */
export function epsgOf(crs: Crs, srid: number): number | undefined {
  const { authority } = inXyOrder(crs);
  return authority?.name === 'EPSG' && Number(authority.code) === srid ? srid : undefined;
}
