import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readGeojsonCrs } from './geojson-crs.ts';
import { topLevelMembers } from './json-members.ts';

const MAX_BYTES = 64;

async function members(json: string, chunkBytes: number): Promise<string[]> {
  const bytes = Buffer.from(json);
  const chunks = async function* () {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield Promise.resolve(bytes.subarray(at, at + chunkBytes));
  };
  const found: string[] = [];
  for await (const member of topLevelMembers(chunks(), 'crs', MAX_BYTES)) found.push(member.trim());
  return found;
}

test.each<[string, string, string[]]>([
  ['a member before others', '{"crs":{"a":[1,{"b":2}]},"features":[]}', ['{"a":[1,{"b":2}]}']],
  [
    'a member after others',
    '{ "features" : [ {} ] , "crs" : { "name" : "é 🗺 } \\" , {" } }',
    ['{ "name" : "é 🗺 } \\" , {" }'],
  ],
  ['an escaped name', String.raw`{"\u0063rs":null,"a":1}`, ['null']],
  ['a name with all characters escaped', String.raw`{"\u0063\u0072\u0073":"\\"}`, [String.raw`"\\"`]],
  ['no nested members', '{"features":[{"crs":1,"properties":{"crs":{"type":"name"}}}],"x":{"crs":2}}', []],
  ['no values and strings', '{"a":"crs","b":["crs"],"c":"\\"crs\\":1,"}', []],
  ['two members', '{"crs":1,"x":2,"crs":3}', ['1', '3']],
  ['members of a sequence of objects', '\u001e{"crs":1}\n\u001e{"a":{}}\n{"x":[],"crs":"}"}', ['1', '"}"']],
  ['no similar names', '{"crss":1,"Crs":2,"acrs":3,"crs ":4,"":5}', []],
  ['the start of a long value', `{"crs":"${'x'.repeat(100)}","y":1}`, [`"${'x'.repeat(MAX_BYTES - 1)}`]],
  ['nothing in a truncated text', '{"crs":{"a"', []],
])('finds %s', async (_name, json, expected) => {
  for (const chunkBytes of [1, 2, 3, 5, 7, 1000])
    expect(await members(json, chunkBytes), String(chunkBytes)).toEqual(expected);
});

test('yields a repeated value once', async () => {
  expect(await members('{"crs":1,"crs":1,"x":2,"crs":3,"crs":1}', 5)).toEqual(['1', '3', '1']);
});

test('rejects a file with more than 1,000 different CRS members', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-crs-'));
  const path = join(folder, 'a b.geojson');
  const write = (count: number) =>
    writeFile(path, `{${Array.from({ length: count }, (_, index) => `"crs":${index}`).join(',')}}`);
  const read = () => readGeojsonCrs(path, 'a b.geojson', new AbortController().signal);
  await write(1_000);
  await expect(read()).rejects.toMatchObject({ code: 'CRS_UNREADABLE' });
  await write(100_000);
  await expect(read()).rejects.toMatchObject({
    code: 'FILE_FORBIDDEN_CONTENT',
    message: expect.stringMatching(/^a b\.geojson declares its CRS in more than 1000 ways\./),
  });
});
