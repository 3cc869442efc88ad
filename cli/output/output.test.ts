import { expect, test } from 'vitest';
import { createProgress, stepLines } from './progress.ts';
import { RUN_VIEW, stepView } from '../../tests/fixtures/run-view.ts';
import { colorsFor, formatTable } from './terminal.ts';

const print = (): void => undefined;
const PLAIN = colorsFor({ write: print });
test('running steps show their elapsed time and attempt', () => {
  expect(
    stepLines(RUN_VIEW, { spinner: '*', colors: PLAIN, since: (key) => (key === 'transform-recipe 2' ? 1.5 : 0) }),
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
    RUN_VIEW,
    RUN_VIEW,
    { ...RUN_VIEW, steps: [stepView('load-to-postgis', 'done', 0.31), stepView('transform-recipe', 'failed')] },
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
