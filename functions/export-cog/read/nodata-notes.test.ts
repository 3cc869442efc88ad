import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rasterFormat } from '#shared/formats/raster-formats.ts';
import { unusedNodataNotes } from './nodata-notes.ts';
import { parseRasterInfo } from './raster-info.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attached-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The messages for a grid of `bands` bands with the nodata value 7. */
async function messages(xml: string, bands = 1): Promise<string[]> {
  const path = join(folder, 'Höhe.asc');
  await writeFile(`${path}.aux.xml`, xml);
  const band = { type: 'Float32', noDataValue: 7 };
  const info = { driverShortName: 'AAIGrid', size: [1, 1], bands: Array.from({ length: bands }, () => band) };
  const source = {
    ...{ file: 'Höhe.asc', path, sha256: '', sizeBytes: 0, parts: ['.aux.xml'] },
    ...{
      format: rasterFormat('AAIGrid', 'Höhe.asc'),
      declared: { path: 'Höhe.asc', type: 'raster' as const, format: 'AAIGrid' },
    },
  };
  const notes = await unusedNodataNotes(source, parseRasterInfo(JSON.stringify(info), 'Höhe.asc'));
  return notes.map(({ message }) => message);
}

const dataset = (content: string) => `<?xml version="1.0"?><PAMDataset>${content}</PAMDataset>`;
const band = (number: number, content: string) => `<PAMRasterBand band="${number}">${content}</PAMRasterBand>`;
const nodata = (value: string) => `<NoDataValue le_hex_equiv="1>0">${value}</NoDataValue>`;

test('notes all bands of an .aux.xml in one pass, with the last value of each band', async () => {
  const bands = band(1, nodata('7')) + band(2, nodata('1')) + band(2, nodata(' 2 ') + nodata('3'));
  expect(await messages(dataset(bands + band(4, nodata('4')) + band(5, nodata('5'))), 4)).toEqual([
    'The .aux.xml file of Höhe.asc declares the nodata value 2 of band 2 and values of 1 more, which GDAL does not use ' +
      'for the format AAIGrid. The asset has the nodata value 7. ' +
      'Set `metadata.raster.nodata` in the manifest to use the value.',
  ]);
  expect(await messages(dataset(band(1, nodata('-5')).repeat(1_000)))).toHaveLength(1);
});

test('cuts a long value', async () => {
  const [message = ''] = await messages(dataset(band(1, nodata('é'.repeat(100_000)))));
  expect(message).toContain(`the nodata value ${'é'.repeat(32)} of band 1, which`);
});

test.each([
  ['a subdataset', dataset(`<Subdataset name="a">${dataset(band(1, nodata('5'))).slice(21)}</Subdataset>`)],
  ['a domain of metadata', dataset(band(1, `<Metadata format="xml"><a/>${nodata('5')}</Metadata>`))],
  ['a comment', dataset(`<!-- ${band(1, nodata('5'))} -->`)],
  ['an empty element', dataset(band(1, '<NoDataValue/>5<a/>'))],
])('does not use a value in %s', async (_place, xml) => expect(await messages(xml)).toEqual([]));

// With an expression that takes quadratic time, these texts take minutes.
test.each(['<PAMRasterBand>', '<PAMRasterBand><NoDataValue>', '<NoDataValue ', '<!--', '<a b="', '<a b=\'c" '])(
  'reads %s without an end in linear time',
  async (start) => {
    const xml = start.repeat(4_000_000 / start.length);
    expect(await messages(`<PAMDataset>${xml}`)).toEqual([]);
    expect(await messages(`<PAMDataset><PAMRasterBand>${xml}`)).toEqual([]);
  },
);
