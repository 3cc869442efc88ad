import { expect, test } from 'vitest';
import type { RunView } from '#shared/api/views.ts';
import { createProgress, stepLines } from './progress.ts';
import { colorsFor, formatTable } from './terminal.ts';

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
test('running steps show their elapsed time and attempt', () => {
  expect(
    stepLines(view, { spinner: '*', colors: PLAIN, since: (key) => (key === 'transform-recipe 2' ? 1.5 : 0) }),
  ).toEqual(['✔ load-to-postgis     0.31 s', '* transform-recipe    1.50 s  attempt 2', '· archive']);
});

test('without a terminal, each event is written once', () => {
  let written = '';
  const screen = {
    write: (text: string) => {
      written += text;
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
  expect(written).toBe(
    'Uploaded 2 files, 1.5 kB, and the manifest.\nRun r1 started.\n' +
      'load-to-postgis: done in 0.31 s\ntransform-recipe: failed\n',
  );
});

test('tables align wide characters and replace control characters', () => {
  const rows = [
    ['A', 'B'],
    ['道路', 'x\n'],
    ['é🌳', 'y'],
  ];
  expect(formatTable(rows)).toBe('A     B\n道路  x\ufffd\né🌳   y');
});

test.each([
  [{ isTTY: true, write: print }, { TERM: 'xterm' }, true],
  [{ isTTY: true, write: print }, { TERM: 'xterm', NO_COLOR: '1' }, false],
  [{ isTTY: true, write: print }, { TERM: 'dumb' }, false],
  [{ write: print }, { TERM: 'xterm' }, false],
])('colors are used only on a terminal that supports them (%#)', (screen, variables, colored) =>
  expect(colorsFor(screen, variables).isColorSupported).toBe(colored),
);
