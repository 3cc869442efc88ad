import { createReadStream } from 'node:fs';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { checkedCrsName } from '#shared/gdal/crs.ts';

/**
 * The `crs` member of GeoJSON of before RFC 7946. GDAL reads a name that it does not know as WGS 84 without a word, and follows a
 * `link`; so Sluice reads the member itself. It may stand before or after the features, so the file is searched to its end.
 */

/** What a file declares: nothing, that it has no CRS (`"crs": null`), or a CRS by a name that checkedCrsText has accepted. */
export type DeclaredCrs = { says: 'nothing' } | { says: 'none' } | { says: 'crs'; text: string };

/** Longest member that is read; the usual one has 80 bytes. */
const MAX_MEMBER_BYTES = 4096;
const CHUNK_BYTES = 2 ** 20;
const KEY = Buffer.from('"crs"');
const FEATURES = Buffer.from('"features"');

/** Reads the member from a file. Throws FILE_FORBIDDEN_CONTENT for a link, CRS_UNREADABLE for a name that is not one. */
export async function geojsonCrs(path: string, file: string, signal: AbortSignal): Promise<DeclaredCrs> {
  let declared: DeclaredCrs = { says: 'nothing' };
  for await (const member of crsMembers(path, signal)) {
    const found = meaningOf(member, file);
    if (declared.says === 'nothing') declared = found;
  }
  return declared;
}

/** The text after each `"crs"` key. Features may have an attribute of that name: only an object, or a null before the features, can be the member. */
async function* crsMembers(path: string, signal: AbortSignal): AsyncGenerator<string> {
  let carried = Buffer.alloc(0);
  let beforeFeatures = true;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>) {
    const window = Buffer.concat([carried, chunk]);
    // The last bytes are looked at again with the next chunk, so that a member is always whole.
    const settled = Math.max(0, window.length - MAX_MEMBER_BYTES);
    yield* membersIn(window, settled, beforeFeatures);
    beforeFeatures &&= !window.subarray(0, settled).includes(FEATURES);
    carried = window.subarray(settled);
  }
  yield* membersIn(carried, carried.length, beforeFeatures);
}

function* membersIn(window: Buffer, end: number, beforeFeatures: boolean): Generator<string> {
  for (let at = window.indexOf(KEY); at >= 0 && at < end; at = window.indexOf(KEY, at + 1)) {
    const text = window.toString('utf8', at + KEY.length, at + MAX_MEMBER_BYTES);
    const isNull = /^\s*:\s*null\b/.test(text) && beforeFeatures && !window.subarray(0, at).includes(FEATURES);
    if (isNull || /^\s*:\s*\{\s*"(type|properties)"/.test(text)) yield text.slice(text.indexOf(':') + 1).trimStart();
  }
}

function meaningOf(member: string, file: string): DeclaredCrs {
  if (member.startsWith('null')) return { says: 'none' };
  const type = /"type"\s*:\s*"([^"]*)"/.exec(member)?.[1]?.toLowerCase();
  if (type === 'link' || (type !== 'name' && /"href"\s*:/.test(upToFeatures(member)))) {
    throw new SluiceError('FILE_FORBIDDEN_CONTENT', `${file} names its CRS by a link to another place. Write EPSG:n, or set \`crs\` in the manifest and remove the link.`, { details: { file, field: 'crs' } });
  }
  if (type === 'epsg') {
    const code = /"code"\s*:\s*"?(\d{4,6})/.exec(member)?.[1];
    if (code !== undefined) return { says: 'crs', text: `EPSG:${code}` };
  }
  const name = /"name"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(member.replace(/"type"\s*:\s*"name"/, ''))?.[1];
  return { says: 'crs', text: checked(name === undefined ? '' : (JSON.parse(`"${name}"`) as string), file) };
}

function upToFeatures(member: string): string {
  return member.split('"features"')[0] ?? member;
}

function checked(name: string, file: string): string {
  try {
    return checkedCrsName(name);
  } catch (thrown) {
    const { code } = asSluiceError(thrown);
    throw new SluiceError(code, `${file} names the CRS ${JSON.stringify(name.slice(0, 100))}, which Sluice does not know. Set \`crs\` in the manifest, or write EPSG:n.`, { cause: thrown, details: { file, crs: name.slice(0, 100) } });
  }
}
