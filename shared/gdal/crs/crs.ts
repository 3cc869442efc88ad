import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Gdal, GdalCommand } from '../gdal.ts';
import { type Crs, parseCrs, parseWkt, type WktNode } from './wkt.ts';

/** Coordinate reference systems as people and files name them. */

const CODE = /^(EPSG|ESRI|OGC|IGNF):([A-Za-z0-9_]{1,32})$/i;
const URN = /^urn:ogc:def:crs:(EPSG|ESRI|OGC|IGNF):[^:]{0,16}:([A-Za-z0-9_]{1,32})$/i;
const OPENGIS =
  /^https?:\/\/www\.opengis\.net\/(?:def\/crs\/(EPSG|OGC)\/[^/]{1,8}\/|gml\/srs\/(epsg)\.xml#)([A-Za-z0-9]{1,32})$/i;
const WKT = /^\s*[A-Za-z_]+\s*[[(]/;
/** A grid is named by its plain file name; anything with a folder or a scheme could reach elsewhere. */
const GRID_ELSEWHERE = /\+(?:nadgrids|geoidgrids|grids)=[^\s"]*[/\\:]|\+init=/i;
const ANSWERS_KEPT = 256;

/**
 * What a name means, without looking it up: a code as `EPSG:27700`, or WKT. Other texts (URLs, file names, PROJ strings, `+init`)
 * are refused, because GDAL would open them. Throws CRS_UNREADABLE.
 */
export function checkCrsText(text: string): string {
  const named = CODE.exec(text.trim()) ?? URN.exec(text.trim());
  if (named !== null) return `${named[1]?.toUpperCase()}:${named[2]?.toUpperCase()}`;
  if (!WKT.test(text))
    throw new SluiceError(
      'CRS_UNREADABLE',
      `${JSON.stringify(text.slice(0, 100))} is not a coordinate reference system that Sluice reads. Give it as EPSG:n, OGC:CRS84 or WKT.`,
      { details: { crs: text.slice(0, 100) } },
    );
  if (refersElsewhere(parseWkt(text))) {
    throw new SluiceError(
      'CRS_UNREADABLE',
      'The coordinate reference system refers to a file. Give it as EPSG:n, OGC:CRS84 or plain WKT.',
    );
  }
  return text;
}

/** The names of CRSs that GeoJSON files of before RFC 7946 use, among them the OGC's URLs, which are names and are never fetched. */
export function checkCrsName(text: string): string {
  const url = OPENGIS.exec(text.trim());
  return url === null ? checkCrsText(text) : `${(url[1] ?? url[2])?.toUpperCase()}:${url[3]?.toUpperCase()}`;
}

/** True when a CRS names a grid by a path, or a PROJ string that does. */
function refersElsewhere(node: WktNode): boolean {
  const namesGrid =
    node.keyword === 'PARAMETERFILE' || (node.keyword === 'EXTENSION' && node.values[0] === 'PROJ4_GRIDS');
  return node.values.some((value) => {
    if (typeof value === 'object') return refersElsewhere(value);
    return typeof value === 'string' && (GRID_ELSEWHERE.test(value) || (namesGrid && /[/\\:]/.test(value)));
  });
}

/** projinfo takes codes and WKT, and, unlike gdalsrsinfo, never tries to open its argument as a file. */
export function projinfoCommand(checkedText: string): GdalCommand {
  return { command: 'projinfo', args: ['-q', '-o', 'WKT2:2019', '--single-line', checkedText], drivers: [] };
}

const known = new Map<string, Promise<Crs>>();

/** Looks up a CRS by what checkedCrsText returned; answers are kept in memory. Throws CRS_UNREADABLE. */
export async function lookUpCrs(gdal: Gdal, checkedText: string, signal: AbortSignal): Promise<Crs> {
  const kept = known.get(checkedText);
  if (kept !== undefined) return kept;
  const answer = await askProjinfo(gdal, checkedText, signal);
  if (known.size >= ANSWERS_KEPT) known.clear();
  known.set(checkedText, Promise.resolve(answer));
  return answer;
}

async function askProjinfo(gdal: Gdal, checkedText: string, signal: AbortSignal): Promise<Crs> {
  try {
    const { stdout } = await gdal.run(projinfoCommand(checkedText), { signal });
    return parseCrs(stdout.trim());
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (error.code !== 'FILE_UNREADABLE') throw error;
    const short = checkedText.length > 100 ? `${checkedText.slice(0, 100)}…` : checkedText;
    throw new SluiceError(
      'CRS_UNREADABLE',
      `${short} is not a coordinate reference system that PROJ knows. Give it as EPSG:n, OGC:CRS84 or WKT.`,
      { cause: thrown, details: { crs: short } },
    );
  }
}

/** How a CRS is named in events and messages: its code, else its name. */
export function crsLabel(crs: Crs): string {
  return crs.authority === undefined ? crs.name : `${crs.authority.name}:${crs.authority.code}`;
}

/** What GDAL's programs take as this CRS: its code, else its text. */
export function crsArgument(crs: Crs): string {
  return crs.authority === undefined ? crs.wkt : crsLabel(crs);
}

/** True when both mean the same place for the same numbers in x, y order: PostGIS and GDAL keep longitude first for EPSG:4326, too. */
export function isSameCrs(a: Crs, b: Crs): boolean {
  if (a.authority !== undefined && b.authority !== undefined) return crsLabel(inXyOrder(a)) === crsLabel(inXyOrder(b));
  return a.wkt === b.wkt;
}

/** CRS84 and its relatives are EPSG's systems with longitude first, which is how coordinates are stored here anyway. */
const XY_ORDER: Record<string, string> = { CRS84: '4326', CRS83: '4269', CRS27: '4267' };

/** The EPSG system for one of OGC's that differs in axis order only. */
export function inXyOrder(crs: Crs): Crs {
  const code = crs.authority?.name === 'OGC' ? XY_ORDER[crs.authority.code] : undefined;
  return code === undefined ? crs : { ...crs, authority: { name: 'EPSG', code } };
}

/** Longitude and latitude on WGS 84: what GeoJSON, KML and GPX always use. */
export const CRS84: Crs = {
  wkt: 'GEOGCRS["WGS 84 (CRS84)",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,298.257223563,LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433]],CS[ellipsoidal,2],AXIS["geodetic longitude (Lon)",east,ORDER[1],ANGLEUNIT["degree",0.0174532925199433]],AXIS["geodetic latitude (Lat)",north,ORDER[2],ANGLEUNIT["degree",0.0174532925199433]],ID["OGC","CRS84"]]',
  name: 'WGS 84 (CRS84)',
  authority: { name: 'OGC', code: 'CRS84' },
  kind: 'geographic',
  degreesPerUnit: 1,
  areaOfUse: [-180, -90, 180, 90],
};
