import { createHash } from 'node:crypto';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { crsLabel, inXyOrder } from '#shared/gdal/crs/crs.ts';
import type { Crs } from '#shared/gdal/crs/wkt.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

/** The numbers by which PostGIS knows coordinate reference systems (table spatial_ref_sys). */

/** PostGIS leaves 910000 to 998999 to its users. */
const FIRST_USER_SRID = 910_000;
const USER_SRIDS = 89_000;
/** spatial_ref_sys.srtext is varchar(2048). */
const MAX_SRTEXT = 2048;
/** Names the lock under which systems are added: any number that nothing else uses. */
const ADD_LOCK = 5_128_004;

/**
 * The SRID of a CRS. One that PostGIS does not know is added under a number made from its text, once, for all runs: it is reference
 * data, and stays. Throws CRS_UNREADABLE when its text does not fit.
 */
export async function sridOf(session: PostgisSession, crs: Crs): Promise<number> {
  const { authority } = inXyOrder(crs);
  if (authority !== undefined && /^\d+$/.test(authority.code)) {
    const [known] = await session.query<{ srid: number }>(
      'select srid from spatial_ref_sys where auth_name = $1 and auth_srid = $2',
      [authority.name, Number(authority.code)],
    );
    if (known !== undefined) return known.srid;
  }
  if (crs.wkt.length > MAX_SRTEXT) {
    throw new SluiceError(
      'CRS_UNREADABLE',
      `${crsLabel(crs)} is described by ${crs.wkt.length} characters; PostGIS holds ${MAX_SRTEXT}. Give a CRS that has a code.`,
      { details: { crs: crsLabel(crs), length: crs.wkt.length } },
    );
  }
  return addCrs(session, crs);
}

async function addCrs(session: PostgisSession, crs: Crs): Promise<number> {
  const first = Number.parseInt(createHash('sha256').update(crs.wkt).digest('hex').slice(0, 8), 16) % USER_SRIDS;
  await session.query('begin');
  try {
    await session.query('select pg_advisory_xact_lock($1)', [ADD_LOCK]);
    for (let step = 0; ; step++) {
      const srid = FIRST_USER_SRID + ((first + step) % USER_SRIDS);
      const [found] = await session.query<{ srtext: string | null }>(
        'select srtext from spatial_ref_sys where srid = $1',
        [srid],
      );
      if (found === undefined) {
        // Without an authority, PostGIS takes the text itself.
        await session.query(
          'insert into spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text) values ($1, null, null, $2, null)',
          [srid, crs.wkt],
        );
      }
      if (found === undefined || found.srtext === crs.wkt) {
        await session.query('commit');
        return srid;
      }
    }
  } catch (thrown) {
    await session.client.query('rollback').catch(() => undefined);
    throw thrown;
  }
}

/** The EPSG code by which ogr2ogr finds this SRID in PostGIS; undefined for one that is named otherwise. */
export function epsgOf(crs: Crs, srid: number): number | undefined {
  const { authority } = inXyOrder(crs);
  return authority?.name === 'EPSG' && Number(authority.code) === srid ? srid : undefined;
}
