import { z } from 'zod';
import { epsgNumber } from '#shared/contracts/epsg-codes.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { checkCrsName } from '#shared/gdal/crs/crs.ts';
import { readChunks } from '#shared/streams/file-streams.ts';
import { topLevelMembers } from './json-members.ts';

/**
 * Reads the `crs` member of GeoJSON files that are older than RFC 7946. GDAL reads a file with an unknown CRS name as
 * WGS 84 without a warning and opens a `link`, so Sluice reads the member itself. The member can follow the features,
 * so the file is read to its end. Members of this name in features, geometries and attributes have no meaning.
 */

/** The CRS of a GeoJSON file: not declared, declared as `null`, or declared by a name that checkCrsName accepts. */
export type DeclaredCrs = { kind: 'undeclared' } | { kind: 'null' } | { kind: 'named'; name: string };

/** Limit for the member, which usually has 80 bytes. */
const MAX_MEMBER_BYTES = 4096;
/** Limit for a CRS name in a message. */
const MAX_NAME_LENGTH = 100;
/** Members in a file whose values are parsed. Only members that differ from the one before them count. */
const MAX_MEMBERS = 1_000;
/** The event loop waits for each chunk. A crafted one consists of 30,000 members. */
const CHUNK_BYTES = 2 ** 18;

/**
 * Reads the `crs` member of the file at `path`. Throws FILE_FORBIDDEN_CONTENT for a link, and CRS_UNREADABLE for an
 * unknown CRS and for two members that differ.
 */
export async function readGeojsonCrs(path: string, file: string, signal: AbortSignal): Promise<DeclaredCrs> {
  let declared: DeclaredCrs = { kind: 'undeclared' };
  let unreadable: SluiceError | undefined;
  const chunks = readChunks(path, { highWaterMark: CHUNK_BYTES, signal });
  let members = 0;
  for await (const member of topLevelMembers(chunks, 'crs', MAX_MEMBER_BYTES)) {
    if (++members > MAX_MEMBERS) throw tooManyMembers(file);
    try {
      const next = parseMember(member, file);
      requireSameCrs(declared, next, file);
      declared = next;
    } catch (thrown) {
      const error = asSluiceError(thrown);
      if (error.code !== 'CRS_UNREADABLE') throw error;
      unreadable ??= error; // Read on: a link can follow, which is an error even if the manifest declares the CRS.
    }
  }
  if (unreadable !== undefined) throw unreadable;
  return declared;
}

function tooManyMembers(file: string): SluiceError {
  return new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${file} declares its CRS in more than ${MAX_MEMBERS} ways. ` +
      'Remove its `crs` members, and set `crs` in the manifest.',
    { details: { file, field: 'crs' } },
  );
}

/** Programs differ in which of two members they use, so the members must be equal. */
function requireSameCrs(first: DeclaredCrs, next: DeclaredCrs, file: string): void {
  const names = [first, next].map((declared) => (declared.kind === 'named' ? declared.name : 'null'));
  if (first.kind === 'undeclared' || names[0] === names[1]) return;
  throw new SluiceError(
    'CRS_UNREADABLE',
    `${file} declares two CRSs: ${names.join(' and ')}. Remove one of them, or set \`crs\` in the manifest.`,
    { details: { file, crs: names } },
  );
}

/** The member as GDAL reads it. `type` is `name`, `EPSG`, `OGC`, `link` or `url`, in upper or lower case. */
const MemberSchema = z.object({ type: z.unknown(), properties: z.record(z.string(), z.unknown()).catch({}) });

function parseMember(member: string, file: string): DeclaredCrs {
  const value = parseJson(member, file);
  if (value === null) return { kind: 'null' };
  if (typeof value === 'string') return { kind: 'named', name: checkName(value, file) };
  const { type, properties } = MemberSchema.catch({ type: undefined, properties: {} }).parse(value);
  const kind = typeof type === 'string' ? type.toLowerCase() : '';
  if (kind.startsWith('link') || kind.startsWith('url') || 'href' in properties || 'url' in properties) {
    throw new SluiceError(
      'FILE_FORBIDDEN_CONTENT',
      `${file} declares its CRS by a link. ` +
        'Replace the link with an EPSG code, or remove it and set `crs` in the manifest.',
      { details: { file, field: 'crs' } },
    );
  }
  const { code, name, urn } = properties;
  const epsg = `EPSG:${String(code)}`;
  if (kind === 'epsg' && epsgNumber(epsg) !== undefined) return { kind: 'named', name: epsg };
  const text = name ?? urn;
  return { kind: 'named', name: checkName(typeof text === 'string' ? text : '', file) };
}

function parseJson(member: string, file: string): unknown {
  try {
    return JSON.parse(member);
  } catch (cause) {
    throw new SluiceError(
      'CRS_UNREADABLE',
      `The \`crs\` member of ${file} is not valid JSON, or it is longer than ${MAX_MEMBER_BYTES} bytes. ` +
        'Correct it, or remove it and set `crs` in the manifest.',
      { cause, details: { file } },
    );
  }
}

function checkName(name: string, file: string): string {
  try {
    return checkCrsName(name);
  } catch (thrown) {
    const shortName = name.slice(0, MAX_NAME_LENGTH);
    throw new SluiceError(
      asSluiceError(thrown).code,
      `${file} declares an unknown CRS, ${JSON.stringify(shortName)}. ` +
        'Replace it with an EPSG code, such as EPSG:4326, or set `crs` in the manifest.',
      { cause: thrown, details: { file, crs: shortName } },
    );
  }
}
