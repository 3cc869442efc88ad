import { expect, test } from 'vitest';
import { outerMembers } from './json-members.ts';

const MAX_BYTES = 64;

async function members(json: string, chunkBytes: number): Promise<string[]> {
  const bytes = Buffer.from(json);
  const chunks = async function* () {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield Promise.resolve(bytes.subarray(at, at + chunkBytes));
  };
  const found: string[] = [];
  for await (const member of outerMembers(chunks(), 'crs', MAX_BYTES)) found.push(member.trim());
  return found;
}

test.each<[string, string, string[]]>([
  ['before', '{"crs":{"a":[1,{"b":2}]},"features":[]}', ['{"a":[1,{"b":2}]}']],
  ['after', '{ "features" : [ {} ] , "crs" : { "name" : "é 🗺 } \\" , {" } }', ['{ "name" : "é 🗺 } \\" , {" }']],
  ['escaped', String.raw`{"\u0063rs":null,"a":1}`, ['null']],
  ['escaped throughout', String.raw`{"\u0063\u0072\u0073":"\\"}`, [String.raw`"\\"`]],
  ['nested', '{"features":[{"crs":1,"properties":{"crs":{"type":"name"}}}],"x":{"crs":2}}', []],
  ['as a value', '{"a":"crs","b":["crs"],"c":"\\"crs\\":1,"}', []],
  ['twice', '{"crs":1,"x":2,"crs":3}', ['1', '3']],
  ['in a sequence', '\u001e{"crs":1}\n\u001e{"a":{}}\n{"x":[],"crs":"}"}', ['1', '"}"']],
  ['longer names', '{"crss":1,"Crs":2,"acrs":3,"crs ":4,"":5}', []],
  ['a long value', `{"crs":"${'x'.repeat(100)}","y":1}`, [`"${'x'.repeat(MAX_BYTES - 1)}`]],
  ['half', '{"crs":{"a"', []],
])('%s', async (_name, json, expected) => {
  for (const chunkBytes of [1, 2, 3, 5, 7, 1000])
    expect(await members(json, chunkBytes), String(chunkBytes)).toEqual(expected);
});
