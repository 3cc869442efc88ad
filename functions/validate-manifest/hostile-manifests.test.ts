import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { MAX_MANIFEST_BYTES } from '#shared/landing/uploaded-manifest.ts';
import { MAX_NAMES, TextLines } from './manifest-tokens.ts';
import { parseManifest } from './parse-manifest.ts';

interface Invalid {
  code: string;
  message: string;
  details: { issues: { field: string; message: string }[]; further_issues?: number };
}

function invalid(text: string | Buffer): Invalid {
  try {
    parseManifest({ bytes: Buffer.from(text), tooLarge: false });
  } catch (thrown) {
    return (thrown as SluiceError).toDocument() as unknown as Invalid;
  }
  throw new Error('The manifest was accepted.');
}

/** As many repetitions of a text as fit into the largest manifest, separated by commas. */
const fill = (unit: string) =>
  Array.from({ length: Math.floor((MAX_MANIFEST_BYTES - 1000) / (unit.length + 1)) }, () => unit);

// With work that grows with the square of the size, each of these manifests takes minutes.
test('counts the issues of a manifest with 260,000 characters that cannot be stored, and describes the first', () => {
  const texts = fill('\n"\\u0000"');
  const { code, message, details } = invalid(`[${texts.join(',')}]`);
  expect({ code, issues: details.issues.length, further: details.further_issues }).toEqual({
    code: 'MANIFEST_INVALID',
    issues: 50,
    further: texts.length - 50,
  });
  expect(details.issues[49]).toEqual({
    field: '[49]',
    message: 'contains a character that cannot be stored (NUL, or a lone surrogate) (line 51, column 1)',
  });
  expect(message.endsWith(`; and ${texts.length - 5} more.`)).toBe(true);
});

test('stops at the limit of names, and describes the first repeated names', () => {
  const { message, details } = invalid(`{${fill('\n"a":0').join(',')}}`);
  expect(details.issues[0]).toEqual({ field: 'a', message: 'is repeated (line 3, column 1)' });
  expect(details.further_issues).toBe(MAX_NAMES + 1 - 50);
  expect(message).toContain('a is repeated (line 3, column 1); ');
});

test('names the field that exceeds the limit of names', () => {
  const names = Array.from({ length: MAX_NAMES + 1 }, (_, index) => `"n${index}":0`);
  expect(invalid(`{"metadata":{"tags":{${names.join(',')}}}}`).details.issues).toEqual([
    {
      field: `metadata.tags.n${MAX_NAMES - 2}`,
      message: expect.stringMatching(
        /^is name 20001 of the manifest; at most 20000 are allowed \(line 1, column \d+\)$/,
      ),
    },
  ]);
});

test('cuts off a name of 500,000 characters in its 100,000 issues', () => {
  const texts = fill('"\\u0000"').slice(0, 50_000);
  const error = invalid(`{"${'x'.repeat(500_000)}":[${texts.join(',')}]}`);
  expect(error.details.issues[0]?.field).toBe(`["${'x'.repeat(200)}…"][0]`);
  expect(JSON.stringify(error).length).toBeLessThan(50_000);
});

test('reports the first of a megabyte of unknown fields', () => {
  const names = Array.from({ length: MAX_NAMES - 10 }, (_, index) => `"n${index}":0`);
  const { details } = invalid(`{${names.join(',')}}`);
  expect(details.issues[4]).toEqual({
    field: 'n0',
    message: 'is an unknown field; expected one of batch_id, uploader, intent, files, metadata',
  });
  expect(details.further_issues).toBe(names.length + 4 - 50);
});

test('finds the invalid byte after a megabyte of replacement characters', () => {
  const bytes = Buffer.concat([Buffer.from('\ufffd'.repeat(340_000)), Buffer.from([0xff])]);
  expect(invalid(bytes)).toMatchObject({ code: 'MANIFEST_NOT_UTF8', details: { byte: 1_020_000 } });
});

test('positions count LF, CR LF and CR', () => {
  const lines = new TextLines('a\r\nb\rc\n\nd');
  const positions = [0, 1, 3, 5, 7, 8, 9].map((offset) => lines.positionOf(offset));
  expect(positions.map(({ line, column }) => `${line}:${column}`)).toEqual([
    '1:1',
    '1:2',
    '2:1',
    '3:1',
    '4:1',
    '5:1',
    '5:2',
  ]);
});

test('checks the normalization of a batch id with 500,000 combining marks', () => {
  const batch_id = `a${'\u0300\u0316'.repeat(250_000)}`;
  const issues = invalid(JSON.stringify({ batch_id, metadata: { tags: { dataset_id: batch_id } } })).details.issues;
  expect(issues.map(({ field }) => field)).toEqual(
    expect.arrayContaining(['batch_id', 'metadata.tags.dataset_id']) as string[],
  );
});

test('reports the first of 200,000 invisible texts in tags', () => {
  const texts = fill('"\u200b"').slice(0, 200_000);
  const { code, message } = invalid(`{"metadata":{"tags":{"x":[${texts.join(',')}]}}}`);
  expect(code).toBe('MANIFEST_INVALID');
  expect(message).toMatch(/; and \d+ more\.$/);
});
