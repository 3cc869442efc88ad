import { SluiceError } from '#shared/errors/sluice-error.ts';
import { childNodes, crsUnreadable, onOneLine, parseWkt, type WktNode } from './wkt.ts';

/** The properties of a coordinate reference system that Sluice uses. */
export interface Crs {
  /** The CRS as WKT on one line. */
  wkt: string;
  name: string;
  /** Authority and code, for example EPSG and 27700. Undefined for a CRS without a code. */
  authority?: { name: string; code: string };
  kind: 'geographic' | 'projected' | 'geocentric' | 'local';
  /** Degrees in one unit of the coordinates: 1, unless a geographic CRS uses grads or another unit. */
  degreesPerUnit: number;
  /** [west, south, east, north] in degrees, if the WKT contains it; west > east across the antimeridian. */
  areaOfUse?: [number, number, number, number];
}

const DEGREES_PER_RADIAN = 180 / Math.PI;

const KINDS: Record<string, Crs['kind']> = {
  GEOGCRS: 'geographic',
  GEOGRAPHICCRS: 'geographic',
  GEOGCS: 'geographic',
  PROJCRS: 'projected',
  PROJECTEDCRS: 'projected',
  PROJCS: 'projected',
  DERIVEDPROJCRS: 'projected',
  GEODCRS: 'geocentric',
  GEODETICCRS: 'geocentric',
  GEOCCS: 'geocentric',
  ENGCRS: 'local',
  ENGINEERINGCRS: 'local',
  LOCAL_CS: 'local',
  VERTCRS: 'local',
  VERT_CS: 'local',
  PARAMETRICCRS: 'local',
  TIMECRS: 'local',
};
/** Nodes that contain the horizontal CRS as a child. */
const WRAPPERS = new Set(['COMPOUNDCRS', 'COMPD_CS', 'BOUNDCRS', 'SOURCECRS']);

/** Longitude and latitude on WGS 84: the CRS of GeoJSON, KML and GPX. */
export const CRS84: Crs = {
  wkt:
    'GEOGCRS["WGS 84 (CRS84)",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,298.257223563,' +
    'LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433]],CS[ellipsoidal,2],' +
    'AXIS["geodetic longitude (Lon)",east,ORDER[1],ANGLEUNIT["degree",0.0174532925199433]],' +
    'AXIS["geodetic latitude (Lat)",north,ORDER[2],ANGLEUNIT["degree",0.0174532925199433]],ID["OGC","CRS84"]]',
  name: 'WGS 84 (CRS84)',
  authority: { name: 'OGC', code: 'CRS84' },
  kind: 'geographic',
  degreesPerUnit: 1,
  areaOfUse: [-180, -90, 180, 90],
};
/** EPSG codes of the OGC systems that differ from them in axis order only. */
const EPSG_OF_OGC: Record<string, string> = { CRS84: '4326', CRS83: '4269', CRS27: '4267' };

/** Reads a CRS from its WKT. Throws CRS_UNREADABLE. */
export function parseCrs(wkt: string): Crs {
  const root = parseWkt(wkt);
  const horizontal = horizontalPart(root);
  const kind = horizontal === undefined ? undefined : KINDS[horizontal.keyword];
  if (horizontal === undefined || kind === undefined)
    throw crsUnreadable(`${root.keyword} is not a coordinate reference system`);
  const authority = authorityOf(root);
  const area = areaOf(root) ?? areaOf(horizontal);
  return {
    wkt: onOneLine(wkt),
    name: nameOf(root) ?? nameOf(horizontal) ?? 'unnamed',
    kind: isEllipsoidal(horizontal) ? 'geographic' : kind,
    degreesPerUnit: kind === 'projected' ? 1 : degreesPerUnit(horizontal),
    ...(authority ? { authority } : {}),
    ...(area ? { areaOfUse: area } : {}),
  };
}

/**
 * True for a geographic 2D or projected CRS: two coordinates are a position. The WKT must be WKT2, as projinfo writes
 * it.
 */
export function isHorizontal2D({ wkt, kind }: Crs): boolean {
  const root = parseWkt(wkt);
  return (
    (kind === 'geographic' || kind === 'projected') &&
    !WRAPPERS.has(root.keyword) &&
    childNodes(root, 'CS').some((cs) => cs.values[1] === 2)
  );
}

/** The code of a CRS, else its name; for events and messages. */
export function crsLabel(crs: Crs): string {
  return crs.authority === undefined ? crs.name : `${crs.authority.name}:${crs.authority.code}`;
}

/** The code of a CRS, else its WKT; for the arguments of GDAL programs. */
export function crsArgument(crs: Crs): string {
  return crs.authority === undefined ? crs.wkt : crsLabel(crs);
}

/**
 * True when coordinates in x, y order mean the same in both. PostGIS and GDAL keep longitude first for EPSG:4326, too.
 */
export function isSameCrs(a: Crs, b: Crs): boolean {
  if (a.authority !== undefined && b.authority !== undefined) return crsLabel(inXyOrder(a)) === crsLabel(inXyOrder(b));
  return a.wkt === b.wkt;
}

/** The EPSG system for an OGC system that differs in axis order only; any other CRS unchanged. */
export function inXyOrder(crs: Crs): Crs {
  const code = crs.authority?.name === 'OGC' ? EPSG_OF_OGC[crs.authority.code] : undefined;
  return code === undefined ? crs : { ...crs, authority: { name: 'EPSG', code } };
}

/** The first part of a compound CRS, the source of a bound CRS, or the node itself. */
function horizontalPart(node: WktNode): WktNode | undefined {
  if (!WRAPPERS.has(node.keyword)) return node;
  const part = node.values.find(
    (child): child is WktNode => typeof child === 'object' && (child.keyword in KINDS || WRAPPERS.has(child.keyword)),
  );
  return part === undefined ? undefined : horizontalPart(part);
}

function nameOf(node: WktNode): string | undefined {
  return node.values.find((child) => typeof child === 'string');
}

function authorityOf(node: WktNode): Crs['authority'] {
  const [id] = childNodes(node, 'ID', 'AUTHORITY').slice(-1);
  const [name, code] = id?.values ?? [];
  if (typeof name !== 'string' || typeof code === 'object' || code === undefined) return undefined;
  return { name: name.toUpperCase(), code: String(code) };
}

function areaOf(node: WktNode): Crs['areaOfUse'] {
  const boxes = [node, ...childNodes(node, 'USAGE')].flatMap((holder) => childNodes(holder, 'BBOX'));
  const [south, west, north, east] = boxes[0]?.values ?? [];
  return typeof south === 'number' && typeof west === 'number' && typeof north === 'number' && typeof east === 'number'
    ? [west, south, east, north]
    : undefined;
}

/** WKT2 can write a geographic CRS as GEODCRS with ellipsoidal axes. */
function isEllipsoidal(node: WktNode): boolean {
  return childNodes(node, 'CS').some((cs) => cs.values[0] === 'ellipsoidal');
}

function degreesPerUnit(node: WktNode): number {
  const holders = [node, ...childNodes(node, 'AXIS')];
  const unit = holders.flatMap((holder) => childNodes(holder, 'ANGLEUNIT', 'UNIT')).at(0);
  const radians = unit?.values[1];
  return typeof radians === 'number' ? radians * DEGREES_PER_RADIAN : 1;
}

/** Checks texts that name a CRS, because PROJ and GDAL open some texts as files or URLs. */

const CODE = /^(EPSG|ESRI|OGC|IGNF):([A-Za-z0-9_]{1,32})$/i;
const URN = /^urn:(?:x-)?ogc:def:crs:(EPSG|ESRI|OGC|IGNF):(?:[^:]{0,16}:)?([A-Za-z0-9_]{1,32})$/i;
const OPENGIS_URL =
  /^https?:\/\/www\.opengis\.net\/(?:def\/crs\/(EPSG|OGC)\/[^/]{1,8}\/|gml\/srs\/(epsg)\.xml#)([A-Za-z0-9]{1,32})$/i;
const WKT = /^\s*[A-Za-z_]+\s*[[(]/;
/** A grid may have a plain file name. A name with a folder or a scheme could be any file or URL. */
const GRID = /\+(?:nadgrids|geoidgrids|grids)=/i;
/** Characters of the text that an error message shows. */
const SHOWN_CHARACTERS = 100;

/**
 * Returns a CRS as a code (`EPSG:27700`) or as WKT, without looking it up. Rejects URLs, file names, PROJ strings and
 * `+init`. Throws CRS_UNREADABLE.
 */
export function checkCrsText(text: string): string {
  const code = CODE.exec(text.trim()) ?? URN.exec(text.trim());
  if (code !== null) return `${code[1]?.toUpperCase()}:${code[2]?.toUpperCase()}`;
  if (!WKT.test(text)) {
    const shown = text.slice(0, SHOWN_CHARACTERS);
    throw new SluiceError(
      'CRS_UNREADABLE',
      `${JSON.stringify(shown)} is not a coordinate reference system that Sluice accepts. ` +
        'Specify it as EPSG:n, OGC:CRS84 or WKT.',
      { details: { crs: shown } },
    );
  }
  if (refersToFile(parseWkt(text))) {
    throw new SluiceError(
      'CRS_UNREADABLE',
      'The coordinate reference system refers to a file. Specify it as EPSG:n, OGC:CRS84 or WKT without file names.',
    );
  }
  return text;
}

/** Like checkCrsText; also accepts the OGC URLs that old GeoJSON files use as names. These URLs are never fetched. */
export function checkCrsName(text: string): string {
  const url = OPENGIS_URL.exec(text.trim());
  return url === null ? checkCrsText(text) : `${(url[1] ?? url[2])?.toUpperCase()}:${url[3]?.toUpperCase()}`;
}

/** True when the WKT, or a PROJ string in it, names a grid by a path. */
function refersToFile(node: WktNode): boolean {
  const namesGrid =
    node.keyword === 'PARAMETERFILE' || (node.keyword === 'EXTENSION' && node.values[0] === 'PROJ4_GRIDS');
  return node.values.some((value) => {
    if (typeof value === 'object') return refersToFile(value);
    return typeof value === 'string' && (namesFile(value) || (namesGrid && hasPath(value)));
  });
}

/** Whether a PROJ string names a grid by a path, or a file of definitions. */
function namesFile(projString: string): boolean {
  return projString.split(/[\s"]/).some((parameter) => {
    const grid = parameter.search(GRID);
    return (grid >= 0 && hasPath(parameter.slice(grid))) || /\+init=/i.test(parameter);
  });
}

function hasPath(text: string): boolean {
  return /[/\\:]/.test(text);
}
