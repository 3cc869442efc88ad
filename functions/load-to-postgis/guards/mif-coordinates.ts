import { type BadCoordinate, isCoordinate, shown } from './xml-coordinates.ts';

/**
 * Checks the coordinates of a MapInfo interchange file (.mif). GDAL reads a text that is no number as 0, without a
 * message.
 */

/** Objects whose coordinates follow in the same line. Those of other objects are lines of numbers. */
const WITH_COORDINATES = new Set(['point', 'line', 'rect', 'roundrect', 'ellipse', 'arc']);
const OTHER_KEYWORDS = new Set([
  ...['none', 'pline', 'region', 'text', 'multipoint', 'collection', 'multiple'],
  ...['pen', 'brush', 'symbol', 'center', 'smooth', 'font', 'spacing', 'justify', 'angle', 'label'],
]);
const MAX_LINE_CHARACTERS = 2 ** 20;

/** The first coordinate that GDAL would misread; undefined without one. `chunks` are the bytes of the file. */
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
