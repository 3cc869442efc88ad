import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { RunView } from '#shared/api/views.ts';
import { displayWidth, formatTable } from './format-table.ts';
import { cut, LiveBlock } from './live-block.ts';
import { createProgress, stepLines } from './progress.ts';
import { serverEvents } from '../client/server-events.ts';
import { colorsFor } from './terminal.ts';

const print = (): void => undefined;
const PLAIN = colorsFor({ write: print });
const step = (
  name: string,
  status: RunView['steps'][number]['status'],
  seconds: number | null = null,
  attempt = 1,
) => ({ name, status, attempt, seconds });
const view: RunView = {
  run_id: 'r1',
  batch_id: 'b é',
  status: 'running',
  steps: [
    step('load-to-postgis', 'done', 0.31),
    step('transform-recipe', 'running', null, 2),
    step('archive', 'pending'),
  ],
  asset: null,
  assets: [],
  reused: false,
  error: null,
  archived: false,
  dataset_id: 'd',
  lane: 'vector',
  intent: 'ingest_vector',
  manifest_key: 'manifests/b.json',
  created_at: '2025-03-01T10:15:30.000Z',
  finished_at: null,
  rerun_of: null,
  operator: 'ana',
};
test('steps tick, with their tries', () => {
  expect(
    stepLines(view, { frame: '*', colors: PLAIN, since: (key) => (key === 'transform-recipe 2' ? 1.5 : 0) }),
  ).toEqual(['✔ load-to-postgis     0.31 s', '* transform-recipe    1.50 s  try 2', '· archive']);
});

test('without a terminal each thing is told once', () => {
  let said = '';
  const screen = {
    write: (text: string) => {
      said += text;
    },
  };
  const progress = createProgress({ stdout: screen, stderr: screen, json: false });
  progress.uploaded(2, 1500);
  for (const state of [
    view,
    view,
    { ...view, steps: [step('load-to-postgis', 'done', 0.31), step('transform-recipe', 'failed')] },
  ])
    progress.run(state);
  progress.end();
  expect(said).toBe(
    'Uploaded 2 files, 1.5 kB, and the manifest.\nRun r1 started.\nload-to-postgis: done in 0.31 s\ntransform-recipe: failed\n',
  );
});

test('a live block draws over itself and gives the cursor back', () => {
  let said = '';
  const block = new LiveBlock(
    {
      columns: 12,
      write: (text) => {
        said += text;
      },
    },
    () => ['one', 'a line too long'],
  );
  block.draw();
  block.end();
  expect(said).toBe('\u001b[?25l\r\u001b[Jone\na line too…\n\u001b[1A\u001b[1A\r\u001b[Jone\na line too…\n\u001b[?25h');
});

describe('lines', () => {
  test('tables align wide characters', () => {
    expect(displayWidth('道é🌳')).toBe(5);
    expect(
      formatTable([
        ['A', 'B'],
        ['道路', 'x\n'],
        ['é', 'y'],
      ]),
    ).toBe('A     B\n道路  x\ufffd\né     y');
  });
  test('a line that fits keeps its colors', () =>
    expect([cut('\u001b[1mabc\u001b[22m', 3), cut('\u001b[1mabcd\u001b[22m', 3)]).toEqual([
      '\u001b[1mabc\u001b[22m',
      'ab…',
    ]));
});

test.each([
  [{ isTTY: true, write: print }, { TERM: 'xterm' }, true],
  [{ isTTY: true, write: print }, { TERM: 'xterm', NO_COLOR: '1' }, false],
  [{ isTTY: true, write: print }, { TERM: 'dumb' }, false],
  [{ write: print }, { TERM: 'xterm' }, false],
])('colors only on a terminal that wants them (%#)', (screen, variables, colored) =>
  expect(colorsFor(screen, variables).isColorSupported).toBe(colored),
);

test('server-sent events survive any cut', async () => {
  const text = ': heartbeat\n\nevent: run\ndata: {"é":\r\ndata: "🌳"}\r\n\r\nid: 1\ndata\n\ndata: cut off';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size < bytes.length; size += 1) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
    const found = [];
    for await (const event of serverEvents(Readable.toWeb(Readable.from(chunks)) as ReadableStream<Uint8Array>))
      found.push(event);
    expect(found).toEqual([
      { event: 'run', data: '{"é":\n"🌳"}' },
      { event: 'message', data: '' },
    ]);
  }
});
