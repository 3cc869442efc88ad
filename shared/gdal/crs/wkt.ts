import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Well-known text of coordinate reference systems (OGC 18-010r7, and the older WKT1), as far as Sluice looks into it. */

export interface WktNode {
  keyword: string;
  values: (WktNode | string | number)[];
}

/** What Sluice needs to know of a CRS. */
export interface Crs {
  /** On one line. */
  wkt: string;
  name: string;
  /** Such as EPSG and 27700; undefined for a CRS that no register names. */
  authority?: { name: string; code: string };
  kind: 'geographic' | 'projected' | 'geocentric' | 'local';
  /** Degrees in one unit of the coordinates; 1 unless the CRS is in grads or the like. Geographic only. */
  degreesPerUnit: number;
  /** [west, south, east, north] in degrees, when the text says; west > east across the antimeridian. */
  areaOfUse?: [number, number, number, number];
}

/** A CRS is a few thousand characters; a compound one with grids fits. */
const MAX_WKT_LENGTH = 65_536;
/** Nesting of the deepest CRS in the EPSG register is below 12. */
const MAX_DEPTH = 40;
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
const WRAPPERS = new Set(['COMPOUNDCRS', 'COMPD_CS', 'BOUNDCRS', 'SOURCECRS']);

/** Reads a CRS from its text. Throws CRS_UNREADABLE. */
export function parseCrs(text: string): Crs {
  const root = parseWkt(text);
  const horizontal = horizontalPart(root);
  const kind = horizontal === undefined ? undefined : KINDS[horizontal.keyword];
  if (horizontal === undefined || kind === undefined)
    throw unreadable(`${root.keyword} is not a coordinate reference system`);
  const [authority, area] = [authorityOf(root), areaOf(root) ?? areaOf(horizontal)];
  return {
    wkt: onOneLine(text),
    name: nameOf(root) ?? nameOf(horizontal) ?? 'unnamed',
    kind: isEllipsoidal(horizontal) ? 'geographic' : kind,
    degreesPerUnit: kind === 'projected' ? 1 : degreesPerUnit(horizontal),
    ...(authority ? { authority } : {}),
    ...(area ? { areaOfUse: area } : {}),
  };
}

/** True for a geographic 2D or a projected CRS, in which a pair of numbers is a place; the text must be WKT2, as projinfo writes it. */
export function isHorizontal2D({ wkt, kind }: Crs): boolean {
  const root = parseWkt(wkt);
  return (
    (kind === 'geographic' || kind === 'projected') &&
    !WRAPPERS.has(root.keyword) &&
    children(root, 'CS').some((cs) => cs.values[1] === 2)
  );
}

/** The tree of a WKT text. Throws CRS_UNREADABLE with the place. */
export function parseWkt(text: string): WktNode {
  if (text.length > MAX_WKT_LENGTH) throw unreadable(`it has ${text.length} characters`);
  const tokens = [
    ...text.matchAll(/\s*(?:("(?:[^"]|"")*")|([A-Za-z_]\w*)|([-+]?[\d.]+(?:[eE][-+]?\d+)?)|([[\](),])|(\S))/g),
  ];
  let at = 0;
  const peek = () => tokens[at]?.[0].trim();
  const expect = (...allowed: string[]) => {
    const token = peek();
    if (token === undefined || !allowed.includes(token))
      throw unreadable(
        token === undefined
          ? 'it ends too early'
          : `${JSON.stringify(token)} stands where ${allowed.join(' or ')} is expected`,
      );
    at++;
    return token;
  };
  const value = (depth: number): WktNode | string | number => {
    const [, quoted, word, number] = tokens[at] ?? [];
    if (quoted !== undefined) {
      at++;
      return quoted.slice(1, -1).replaceAll('""', '"');
    }
    if (number !== undefined) {
      at++;
      return Number(number);
    }
    if (word === undefined)
      throw unreadable(
        peek() === undefined ? 'it ends too early' : `${JSON.stringify(peek())} stands where a value is expected`,
      );
    const following = tokens[at + 1]?.[0].trim();
    if (following === '[' || following === '(') return node(depth + 1);
    at++;
    return word;
  };
  const node = (depth: number): WktNode => {
    if (depth > MAX_DEPTH) throw unreadable('it is nested too deeply');
    const keyword = tokens[at]?.[2];
    if (keyword === undefined) throw unreadable('it does not begin with a keyword');
    at++;
    const close = expect('[', '(') === '[' ? ']' : ')';
    const values: WktNode['values'] = [value(depth)];
    while (expect(',', close) === ',') values.push(value(depth));
    return { keyword: keyword.toUpperCase(), values };
  };
  const root = node(0);
  if (at < tokens.length) throw unreadable('text stands after its end');
  return root;
}

/** WKT without line breaks and indentation; quoted names stay as they are. */
export function onOneLine(text: string): string {
  return text.replaceAll(/("(?:[^"]|"")*")|\s+/g, (_match, quoted: string | undefined) => quoted ?? '');
}

function children(node: WktNode, ...keywords: string[]): WktNode[] {
  return node.values.filter((child): child is WktNode => typeof child === 'object' && keywords.includes(child.keyword));
}

/** The CRS of the plane: the first part of a compound CRS, the source of a bound one. */
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
  const [id] = children(node, 'ID', 'AUTHORITY').slice(-1);
  const [name, code] = id?.values ?? [];
  if (typeof name !== 'string' || typeof code === 'object' || code === undefined) return undefined;
  return { name: name.toUpperCase(), code: String(code) };
}

function areaOf(node: WktNode): Crs['areaOfUse'] {
  const boxes = [node, ...children(node, 'USAGE')].flatMap((holder) => children(holder, 'BBOX'));
  const [south, west, north, east] = boxes[0]?.values ?? [];
  return typeof south === 'number' && typeof west === 'number' && typeof north === 'number' && typeof east === 'number'
    ? [west, south, east, north]
    : undefined;
}

/** WKT2 writes some geographic systems as GEODCRS with ellipsoidal axes. */
function isEllipsoidal(node: WktNode): boolean {
  return children(node, 'CS').some((cs) => cs.values[0] === 'ellipsoidal');
}

function degreesPerUnit(node: WktNode): number {
  const holders = [node, ...children(node, 'AXIS')];
  const unit = holders.flatMap((holder) => children(holder, 'ANGLEUNIT', 'UNIT')).at(0);
  const radians = unit?.values[1];
  return typeof radians === 'number' ? radians * DEGREES_PER_RADIAN : 1;
}

function unreadable(why: string): SluiceError {
  return new SluiceError(
    'CRS_UNREADABLE',
    `The coordinate reference system cannot be read: ${why}. Give it as EPSG:n, OGC:CRS84 or WKT.`,
  );
}
