import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tests/sequencer.ts';

/** Tests that need PostgreSQL, an object store or a running Sluice. `npm run test:unit` leaves them out. */
const SERVER_TESTS = '**/*.server.test.ts';
const FOLDERS = [
  'shared',
  'functions',
  'gateway',
  'cli',
  'dashboard/src',
  'tests',
  'docs',
  'bench',
  'templates',
  'kustomize',
];

const settings = {
  env: {
    LOG_LEVEL: 'silent',
    // The processes that tests start compile each module once. Without it, a start of Sluice takes twice as long.
    NODE_COMPILE_CACHE: join(import.meta.dirname, '.cache', 'compiled'),
  },
  // The test files of a worker share its modules, so that these are loaded once. A file that replaces modules or timers
  // restores them.
  isolate: false,
  // For a test that hangs. The longest take 40 s on a machine that is 3 times as slow as usual.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // The default of 1 s is too short for a delivery on a busy machine.
  expect: { requireAssertions: true, poll: { timeout: 30_000 } },
};

export default defineConfig({
  test: {
    // Most tests wait for other programs, so that one more test file than there are cores can run.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...settings,
          name: 'unit',
          include: FOLDERS.map((folder) => `${folder}/**/*.test.ts`),
          exclude: [SERVER_TESTS],
        },
      },
      {
        test: {
          ...settings,
          name: 'server',
          include: FOLDERS.map((folder) => `${folder}/${SERVER_TESTS}`),
          globalSetup: ['tests/global-setup.ts'],
        },
      },
    ],
  },
});
