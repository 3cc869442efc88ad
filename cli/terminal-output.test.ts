import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { AssetView, RunView } from '../gateway/views.ts';
import { describeAsset, describeError, describeOutcome } from './describe-run.ts';
import { displayWidth, formatBytes, formatSeconds, formatTable } from './format-values.ts';
import { cut, LiveBlock } from './live-block.ts';
import { createProgress, stepLines } from './progress.ts';
import { serverEvents } from './server-events.ts';
import { colorsFor, printable } from './terminal.ts';

const print = (): void => undefined;
const PLAIN = colorsFor({ write: print });
const step = (name: string, status: RunView['steps'][number]['status'], seconds: number | null = null, attempt = 1) => ({ name, status, attempt, seconds });
const view: RunView = {
  run_id: 'r1', batch_id: 'b é', status: 'running', steps: [step('load-to-postgis', 'done', 0.31), step('transform-recipe', 'running', null, 2), step('archive', 'pending')], asset: null, assets: [], reused: false, error: null, archived: false,
  dataset_id: 'd', lane: 'vector', intent: 'ingest_vector', manifest_key: 'manifests/b.json', created_at: '2025-03-01T10:15:30.000Z', finished_at: null, rerun_of: null, operator: 'ana',
};
const asset: AssetView = {
  id: 'a1', dataset_id: 'straßen', version: 3, kind: 'spatial', s3_key: 'straßen/r/straßen.parquet', url: 'http://x/download', row_count: 12345, crs: 'EPSG:4326', bbox: [-1.234567, 50, 1, 52], geometry_types: ['Polygon'],
  columns: [{ name: 'größe\u001b[2J', type: 'integer' }], quality: { null_geometries: 2, empty_geometries: 0, repaired_geometries: 1234, notes: [{ code: 'FID_RENAMED', message: 'fid became fid_1.' }] },
  content_hash: 'x', size_bytes: 1_234_567, created_at: '2025-03-01T10:15:30.000Z',
};

test('an asset in plain words, without what would steer the terminal', () => {
  expect(describeAsset(asset, PLAIN)).toBe(`straßen, version 3
  Rows      12,345
  Geometry  Polygon
  Oddities  1,234 repaired, 2 missing geometries
  CRS       EPSG:4326
  Bounds    west -1.23457, south 50, east 1, north 52
  Columns   größe\ufffd[2J (integer)
  Size      1.2 MB
  Object    straßen/r/straßen.parquet
  Download  http://x/download
  Note      fid became fid_1. (FID_RENAMED)`);
});

test('an error says code, what, where, and what to do', () => {
  expect(describeError({ code: 'CRS_MISSING', message: 'roads é.shp has no CRS.', details: { file: 'roads é.shp', more: {} } }, PLAIN)).toBe(`CRS_MISSING: roads é.shp has no CRS.
  file: roads é.shp
  Add the .prj file, or set \`crs\` for the file in the manifest.`);
});

test('an outcome in one line', () => {
  expect(describeOutcome(view, PLAIN)).toBe('b é: running  run r1');
  expect(describeOutcome({ ...view, status: 'success', finished_at: '2025-03-01T10:15:42.340Z' }, PLAIN)).toBe('b é: success in 12.3 s  run r1');
  expect(describeOutcome({ ...view, run_id: null, status: 'failure', error: { code: 'FILE_MISSING', message: '', details: {} } }, PLAIN)).toBe('b é: rejected  manifests/b.json');
});

test('steps tick, with their tries', () => {
  expect(stepLines(view, { frame: '*', colors: PLAIN, since: (key) => (key === 'transform-recipe 2' ? 1.5 : 0) })).toEqual(['✔ load-to-postgis     0.31 s', '* transform-recipe    1.50 s  try 2', '· archive']);
});

test('without a terminal each thing is told once', () => {
  let said = '';
  const screen = { write: (text: string) => { said += text; } };
  const progress = createProgress({ stdout: screen, stderr: screen, json: false });
  progress.uploaded(2, 1500);
  for (const state of [view, view, { ...view, steps: [step('load-to-postgis', 'done', 0.31), step('transform-recipe', 'failed')] }]) progress.run(state);
  progress.end();
  expect(said).toBe('Uploaded 2 files, 1.5 kB, and the manifest.\nRun r1 started.\nload-to-postgis: done in 0.31 s\ntransform-recipe: failed\n');
});

test('a live block draws over itself and gives the cursor back', () => {
  let said = '';
  const block = new LiveBlock({ columns: 12, write: (text) => { said += text; } }, () => ['one', 'a line too long']);
  block.draw();
  block.end();
  expect(said).toBe('\u001b[?25l\r\u001b[Jone\na line too…\n\u001b[1A\u001b[1A\r\u001b[Jone\na line too…\n\u001b[?25h');
});

describe('values', () => {
  test.each([[0, '0 bytes'], [999, '999 bytes'], [1000, '1.0 kB'], [1_234_567, '1.2 MB'], [5e12, '5.0 TB'], [5e16, '50000.0 TB']])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
  test.each([[0.004, '0.00 s'], [1.234, '1.23 s'], [12.34, '12.3 s'], [125, '2 min 5 s'], [119.7, '2 min 0 s'], [7260, '2 h 1 min']])('%d seconds', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
  test('tables align wide characters', () => {
    expect(displayWidth('道é🌳')).toBe(5);
    expect(formatTable([['A', 'B'], ['道路', 'x\n'], ['é', 'y']])).toBe('A     B\n道路  x\ufffd\né     y');
  });
  test('a line that fits keeps its colours', () => expect([cut('\u001b[1mabc\u001b[22m', 3), cut('\u001b[1mabcd\u001b[22m', 3)]).toEqual(['\u001b[1mabc\u001b[22m', 'ab…']));
  test('control characters', () => expect(printable('a\u0007\u009bb')).toBe('a\ufffd\ufffdb'));
});

test.each([
  [{ isTTY: true, write: print }, { TERM: 'xterm' }, true],
  [{ isTTY: true, write: print }, { TERM: 'xterm', NO_COLOR: '1' }, false],
  [{ isTTY: true, write: print }, { TERM: 'dumb' }, false],
  [{ write: print }, { TERM: 'xterm' }, false],
])('colours only on a terminal that wants them (%#)', (screen, variables, colored) => expect(colorsFor(screen, variables).isColorSupported).toBe(colored));

test('server-sent events survive any cut', async () => {
  const text = ': heartbeat\n\nevent: run\ndata: {"é":\r\ndata: "🌳"}\r\n\r\nid: 1\ndata\n\ndata: cut off';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size < bytes.length; size += 1) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
    const found = [];
    for await (const event of serverEvents(Readable.toWeb(Readable.from(chunks)) as ReadableStream<Uint8Array>)) found.push(event);
    expect(found).toEqual([{ event: 'run', data: '{"é":\n"🌳"}' }, { event: 'message', data: '' }]);
  }
});
