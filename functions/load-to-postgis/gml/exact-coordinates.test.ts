import { expect, test } from 'vitest';
import { withExponents } from './exact-coordinates.ts';

async function rewrite(text: string, chunkBytes: number): Promise<string> {
  async function* chunks() {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += chunkBytes) yield Promise.resolve(bytes.subarray(at, at + chunkBytes));
  }
  const parts: Buffer[] = [];
  for await (const part of withExponents(chunks())) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('adds an exponent to long numbers in coordinates only, in chunks of any size', async () => {
  const long = '2.3333333333333335';
  const document = (number: string) =>
    `<a xmlns="http://www.opengis.net/gml" xmlns:gml='http://www.opengis.net/gml/3.2' é="1 < ${long}"><n>${long}</n><gml:pos srsName="x">${number} -${number}\n1.5</gml:pos><gml:pos/>${long}` +
    `<coordinates>${number},1e5 ${long}e5,12345678901234567</coordinates><posList/>${long}<t:X>${long}</t:X></a>`;
  for (const chunkBytes of [1, 2, 3, 17, 1000])
    expect(await rewrite(document(long), chunkBytes), String(chunkBytes)).toBe(document(`${long}e0`));
});
