import { expect, test } from 'vitest';
import { type FeatureScanner, scanFeatures } from './feature-scanner.ts';

async function scan(features: string, fields: string[], chunkBytes = 1000): Promise<FeatureScanner> {
  const bytes = Buffer.from(`<c a="1"><gml:featureMember b="2">${features}</gml:featureMember></c>`);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield Promise.resolve(bytes.subarray(at, at + chunkBytes));
  }
  return scanFeatures(chunks(), { name: 'fläche', fields: fields.map((name) => ({ name })) });
}

const utf8 = (counts: ReadonlyMap<string, number>) =>
  [...counts].map(([name, count]) => [Buffer.from(name, 'latin1').toString(), count]);

test.each([
  ['the id of a feature', '<t:fläche gml:id="1" xmlns:t="u" xsi:schemaLocation="x"/>', [], []],
  ['a second id', '<fläche fid="1" gml:id="2"/>', [], [['gml:id of <fläche>', 1]]],
  [
    'attributes of features',
    '<fläche größe="1" b = \'2>\'></fläche><fläche größe="3"/>',
    [],
    [
      ['größe of <fläche>', 2],
      ['b of <fläche>', 1],
    ],
  ],
  [
    'attributes that are fields',
    '<fläche><höhe uom="m" t:x="1">1</höhe><a><n b="1"/></a><n b="2"/></fläche>',
    ['höhe', 'höhe_uom', 'a|n_b'],
    [['t:x of <höhe>', 1]],
  ],
  ['an attribute of a null value', '<fläche><n b="1" xsi:nil="true"/></fläche>', ['n_b'], [['b of <n>', 1]]],
  ['a value that is not null', '<fläche><n b="1" xsi:nil="false">1</n></fläche>', ['n', 'n_b_'], []],
  [
    'attributes of geometries that are not those of GML, and none of envelopes',
    '<fläche><g><gml:Point srsName="x" gml:id="1" quality="3"><gml:pos n="2" srsDimension="2"/></gml:Point></g>' +
      '<gml:MultiCurve><gml:curveMember xlink:type="simple" xlink:href="#a"/></gml:MultiCurve>' +
      '<gml:boundedBy a="1"><e f="1"/></gml:boundedBy></fläche>',
    [],
    [
      ['quality of <Point>', 1],
      ['n of <pos>', 1],
      ['xlink:href of <curveMember>', 1],
    ],
  ],
  [
    'attributes after a geometry, and of an element with the name of the feature',
    '<fläche><gml:Point><gml:pos/></gml:Point><fläche a="1"/><n b="2"/></fläche><other c="3"/>',
    [],
    [
      ['a of <fläche>', 1],
      ['b of <n>', 1],
    ],
  ],
  [
    'an attribute value beside a text, but not one in the place of a text',
    '<fläche><n value="1"/><n value="2"></n><n value="3">x</n><n value="4"><m>1</m></n><n value="5"> </n></fläche>',
    ['n', 'm'],
    [['value of <n>', 3]],
  ],
])('counts %s', async (_name, features, fields, expected) => {
  for (const chunkBytes of [1, 7, 1000]) {
    const { droppedAttributes } = await scan(features, fields, chunkBytes);
    expect(utf8(droppedAttributes)).toEqual(expected);
  }
});

test('counts texts that GDAL does not read, and white space that it removes', async () => {
  const features =
    '<fläche> <ä>1</ä><a> x</a><a>&#x20;y</a><a> </a><a><!-- c --> z</a><b>1<c>2</c>3</b><b>1<gml:Point/></b><b><c>2</c>3</b><b><c>4</c></b>' +
    '<other>1</other><gen:stringAttribute name="n"><gen:value>v</gen:value></gen:stringAttribute></fläche>';
  for (const chunkBytes of [1, 7, 1000]) {
    const { droppedTexts, trimmedTexts } = await scan(features, ['ä', 'a', 'b', 'c', 'n'], chunkBytes);
    expect(utf8(droppedTexts)).toEqual([
      ['b', 3],
      ['other', 1],
    ]);
    expect(utf8(trimmedTexts)).toEqual([['a', 3]]);
  }
});

const FIELDS = ['n', 'n_lang', 'n_uom', 'n_href', 'street', 'no', 'p', 'p_t', 'x', 'x_lang'];

test.each([
  ['each of a repeated element has the attribute', '<n lang="a">1</n><n lang="b">2</n>', []],
  ['an element is not repeated', '<n lang="a">1</n><p/><street>1</street>', []],
  ['one of a repeated element has no attribute', '<n lang="a">1</n><n>2</n>', ['lang of <n>']],
  ['one of a repeated element is empty', '<n>1</n><n/><n xsi:nil="1"/>', ['text of <n>']],
  ['one of a repeated element is blank', '<n lang="a">1</n><n> </n><n lang="b"/>', ['lang of <n>', 'text of <n>']],
  ['a repeated element is always empty', '<n/><n/>', []],
  [
    'the parts of a repeated element differ',
    '<p><street>a</street></p><p><street>b</street><t:no>2</t:no></p>',
    ['<t:no> of <p>'],
  ],
  ['one has a part twice and another has none', '<p><no>1</no><no>2</no></p><p/>', ['<no> of <p>']],
  ['one element has a part twice', '<p><no>1</no><no>2</no></p>', []],
  ['a part of a part is missing', '<p><x><n>1</n></x></p><p><x/></p>', ['<n> of <x>']],
  ['geometries are not in each of a repeated element', '<p><gml:Point/></p><p/>', []],
])('finds values that cannot be assigned to a repeated element: %s', async (_name, content, expected) => {
  const { paths } = await scan(`<fläche>${content}</fläche><fläche><n>1</n></fläche>`, FIELDS);
  expect([...paths.unassigned]).toEqual(expected.map((label) => [label, 1]));
});

test('counts texts of repeated elements that GDAL reads as null', async () => {
  const features = '<fläche><n>1</n><n xsi:nil="True"/><n>2</n></fläche><fläche><n xsi:nil="true"/></fläche>';
  const { paths } = await scan(features + '<fläche><p xsi:nil="true"/><n>1</n></fläche>', FIELDS);
  expect([[...paths.nulled], [...paths.unassigned]]).toEqual([[['<n>', 2]], []]);
});

test.each([
  ['<p uom="m"><n>1</n></p>', 'uom of <p>'],
  ['<p uom="m"><gml:Point/></p><n>1</n>', 'uom of <p>'],
  ['<p xlink:href="#1"><x><n>1</n></x></p>', 'xlink:href of <p>'],
  ['<p value="1"><n/></p>', 'value of <p>'],
  ['<p value="1"><n>1</n></p><n/>', undefined],
  ['<p uom="m"><n uom="km">1</n></p><n>1</n>', undefined],
  ['<p uom="m"><street>1</street></p>', undefined],
  ['<n uom="m" value="1"/><n>1</n>', undefined],
])('finds attributes that GDAL assigns to another element: %s', async (content, attribute) => {
  const { misassigned } = await scan(`<fläche>${content}</fläche>`, FIELDS);
  expect(misassigned).toEqual(attribute === undefined ? undefined : { attribute, element: '<n>' });
});

test('counts the features whose values cannot be assigned', async () => {
  const feature = '<fläche><n lang="a">1</n><n>2</n></fläche>';
  const { paths } = await scan(feature + feature, FIELDS);
  expect([...paths.unassigned]).toEqual([['lang of <n>', 2]]);
});

test('finds elements and attributes that differ only in their prefix', async () => {
  const features =
    '<fläche><gml:n>1</gml:n><n a:lang="x" b:lang="y">2</n><p:x>1</p:x></fläche><fläche><n>3</n></fläche>';
  const { paths } = await scan(features, FIELDS);
  expect([...paths.merged.keys()]).toEqual(['<gml:n> and <n>', 'a:lang and b:lang']);
});

test.each([
  ['<n lang="a">1</n><n_lang>2</n_lang>', { attribute: 'lang of <n>', element: '<n_lang>', column: 'n_lang' }],
  ['<n_uom>2</n_uom><t:n t:uom="m">1</t:n>', { attribute: 't:uom of <t:n>', element: '<n_uom>', column: 'n_uom' }],
  [
    '<p><n xlink:href="#1"/><n_href>2</n_href></p>',
    { attribute: 'xlink:href of <n>', element: '<n_href>', column: 'n_href' },
  ],
  ['<n lang="a">1</n><p><n_lang>2</n_lang></p>', undefined],
  ['<n lang="a">1</n><n_lang/>', undefined],
  ['<n uom="m" t:uom="km">1</n>', { attribute: 't:uom of <n>', element: 'the attribute uom', column: 'n_uom' }],
])('finds an attribute and an element with the same column: %s', async (content, expected) => {
  const { paths } = await scan(`<fläche>${content}</fläche>`, FIELDS.concat('n_lang', 'n_href'));
  expect(paths.collision()).toEqual(expected);
});

test('takes linear time for deep elements, and for many different ones', async () => {
  const deep = `${'<n>'.repeat(100_000)}${'</n>'.repeat(100_000)}`;
  const wide = Array.from({ length: 100_000 }, (_, index) => `<n${index} a="1"/>`).join('');
  const { droppedAttributes, paths } = await scan(`<fläche>${deep}${wide}</fläche>`, ['n']);
  expect([droppedAttributes.size, paths.unassigned.size]).toEqual([2000, 0]);
});
