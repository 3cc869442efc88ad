import { expect, test } from 'vitest';
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
