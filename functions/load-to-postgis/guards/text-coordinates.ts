import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import { readChunks } from '#shared/streams/file-streams.ts';
import { type BadCoordinate, findBadCoordinate, isCoordinate, shown } from './xml-coordinates.ts';

const CHUNK_BYTES = 2 ** 18;
const LINE_FEED = 0x0a;

/**
 * Rejects a document with coordinates that GDAL would replace by others. Throws GEOMETRY_INVALID with the line.
 * `document` is its name in the message; `file` is the file of the manifest.
 */
export async function checkCoordinates(
  path: string,
  { drivers, extensions }: Pick<VectorFormat, 'drivers' | 'extensions'>,
  { document, file, signal }: { document: string; file: string; signal: AbortSignal },
): Promise<void> {
  const read = () => readChunks(path, { highWaterMark: CHUNK_BYTES, signal });
  const driver = (['GML', 'LIBKML', 'GPX'] as const).find((name) => drivers.includes(name));
  const isMif = extensions.includes('.mif');
  const bad =
    driver !== undefined
      ? await findBadCoordinate(read(), driver)
      : isMif
        ? await findBadMifCoordinate(read())
        : undefined;
  if (bad === undefined) return;
  const line = await lineAt(read(), bad.offset);
  throw new SluiceError('GEOMETRY_INVALID', `${document}, line ${line}: ${bad.problem}`, {
    details: { file, line },
  });
}

async function lineAt(chunks: AsyncIterable<Buffer>, offset: number): Promise<number> {
  let line = 1;
  let left = offset;
  for await (const chunk of chunks) {
    const before = chunk.subarray(0, left);
    for (let at = before.indexOf(LINE_FEED); at >= 0; at = before.indexOf(LINE_FEED, at + 1)) line += 1;
    left -= before.length;
    if (left <= 0) break;
  }
  return line;
}

/** Objects whose coordinates follow in the same line. Those of other objects are lines of numbers. */
const WITH_COORDINATES = new Set(['point', 'line', 'rect', 'roundrect', 'ellipse', 'arc']);
const OTHER_KEYWORDS = new Set([
  ...['none', 'pline', 'region', 'text', 'multipoint', 'collection', 'multiple'],
  ...['pen', 'brush', 'symbol', 'center', 'smooth', 'font', 'spacing', 'justify', 'angle', 'label'],
]);
const MAX_LINE_CHARACTERS = 2 ** 20;

/**
 * The first coordinate of a MapInfo interchange file (.mif) that is not a number, and that GDAL would read as 0 without
 * a message; undefined without one. `chunks` are the bytes of the file.
 */
export async function findBadMifCoordinate(chunks: AsyncIterable<Buffer>): Promise<BadCoordinate | undefined> {
  let offset = 0;
  let rest = '';
  let isData = false;
  for await (const chunk of chunks) {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const problem = isData ? problemOf(line) : undefined;
      if (problem !== undefined) return { offset, problem };
      isData ||= /^\s*data\s*$/i.test(line);
      offset += line.length + 1;
    }
    if (rest.length > MAX_LINE_CHARACTERS)
      return { offset, problem: `It has more than ${MAX_LINE_CHARACTERS} characters.` };
  }
  const problem = isData ? problemOf(rest) : undefined;
  return problem === undefined ? undefined : { offset, problem };
}

function problemOf(line: string): string | undefined {
  const [first = '', ...others] = line.split(/[\s,()]+/).filter((token) => token !== '');
  const keyword = first.toLowerCase();
  if (first === '' || first.startsWith('"') || OTHER_KEYWORDS.has(keyword)) return undefined;
  const numbers = WITH_COORDINATES.has(keyword) ? others : [first, ...others];
  const wrong = numbers.find((token) => !isCoordinate(token));
  return wrong === undefined ? undefined : `${shown(wrong)} is not a number.`;
}
