import { SluiceError } from '#shared/errors/sluice-error.ts';
import { parseWkt, type WktNode } from './wkt.ts';

/** Checks texts that name a CRS, because PROJ and GDAL open some texts as files or URLs. */

const CODE = /^(EPSG|ESRI|OGC|IGNF):([A-Za-z0-9_]{1,32})$/i;
const URN = /^urn:ogc:def:crs:(EPSG|ESRI|OGC|IGNF):[^:]{0,16}:([A-Za-z0-9_]{1,32})$/i;
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
