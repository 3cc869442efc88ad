import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { checkCrsName } from '#shared/gdal/crs/crs.ts';
import { outerMembers } from './json-members.ts';

/**
 * The `crs` member of GeoJSON of before RFC 7946. GDAL reads a name that it does not know as WGS 84 without a word, and follows a
 * `link`; so Sluice reads the member itself. It may stand before or after the features, so the file is read to its end. Attributes, features
 * and geometries may have a member of the same name, which means nothing.
 */

/** What a file declares: nothing, that it has no CRS (`"crs": null`), or a CRS by a name that checkedCrsText has accepted. */
export type DeclaredCrs = { says: 'nothing' } | { says: 'none' } | { says: 'crs'; text: string };

/** Longest member that is read; the usual one has 80 bytes. */
const MAX_MEMBER_BYTES = 4096;
const CHUNK_BYTES = 2 ** 20;

/** Reads the member from a file. Throws FILE_FORBIDDEN_CONTENT for a link, CRS_UNREADABLE for a name that is not one, and for two that differ. */
export async function geojsonCrs(path: string, file: string, signal: AbortSignal): Promise<DeclaredCrs> {
  let declared: DeclaredCrs = { says: 'nothing' };
  let unreadable: unknown;
  const chunks = createReadStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>;
  for await (const member of outerMembers(chunks, 'crs', MAX_MEMBER_BYTES)) {
    try {
      declared = agreed(declared, meaningOf(member, file), file);
    } catch (thrown) {
      if (asSluiceError(thrown).code !== 'CRS_UNREADABLE') throw thrown;
      unreadable ??= thrown; // A link may follow, which the manifest's CRS doesn't excuse.
    }
  }
  if (unreadable !== undefined) throw asSluiceError(unreadable);
  return declared;
}

/** Which of two members counts, programs disagree about. */
function agreed(first: DeclaredCrs, next: DeclaredCrs, file: string): DeclaredCrs {
  const said = [first, next].map((declared) => (declared.says === 'crs' ? declared.text : 'null'));
  if (first.says === 'nothing' || said[0] === said[1]) return next;
  throw new SluiceError(
    'CRS_UNREADABLE',
    `${file} names two CRSs: ${said.join(' and ')}. Remove one, or set \`crs\` in the manifest.`,
    { details: { file, crs: said } },
  );
}

/** What GDAL takes for one, and what it would follow: `type` is `name`, `EPSG`, `OGC`, `link` or `url`, in any case. */
const MemberSchema = z.object({ type: z.unknown(), properties: z.record(z.string(), z.unknown()).catch({}) });

function meaningOf(member: string, file: string): DeclaredCrs {
  const value = parsed(member, file);
  if (value === null) return { says: 'none' };
  if (typeof value === 'string') return { says: 'crs', text: checked(value, file) };
  const { type, properties } = MemberSchema.catch({ type: undefined, properties: {} }).parse(value);
  const kind = typeof type === 'string' ? type.toLowerCase() : '';
  if (kind.startsWith('link') || kind.startsWith('url') || 'href' in properties || 'url' in properties) {
    throw new SluiceError(
      'FILE_FORBIDDEN_CONTENT',
      `${file} names its CRS by a link to another place. Write EPSG:n, or set \`crs\` in the manifest and remove the link.`,
      { details: { file, field: 'crs' } },
    );
  }
  const { code, name, urn } = properties;
  if (kind === 'epsg' && /^\d{4,6}$/.test(String(code))) return { says: 'crs', text: `EPSG:${String(code)}` };
  const text = name ?? urn;
  return { says: 'crs', text: checked(typeof text === 'string' ? text : '', file) };
}

function parsed(member: string, file: string): unknown {
  try {
    return JSON.parse(member);
  } catch (cause) {
    throw new SluiceError(
      'CRS_UNREADABLE',
      `The \`crs\` of ${file} is not valid JSON, or longer than ${MAX_MEMBER_BYTES} bytes. Correct it, or set \`crs\` in the manifest and remove it.`,
      { cause, details: { file } },
    );
  }
}

function checked(name: string, file: string): string {
  try {
    return checkCrsName(name);
  } catch (thrown) {
    const { code } = asSluiceError(thrown);
    throw new SluiceError(
      code,
      `${file} names the CRS ${JSON.stringify(name.slice(0, 100))}, which Sluice does not know. Set \`crs\` in the manifest, or write EPSG:n.`,
      { cause: thrown, details: { file, crs: name.slice(0, 100) } },
    );
  }
}
