import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests that need PostgreSQL, an object store or a running Sluice. `npm run test:unit` leaves them out. */
const SERVER_TESTS = '**/*.server.test.ts';
const FOLDERS = ['shared', 'functions', 'gateway', 'cli', 'tests', 'docs', 'bench'];

export default defineConfig({
  test: {
    env: { LOG_LEVEL: 'silent' },
    // Most tests wait for other programs, so that every core can run a test file.
    maxWorkers: Math.max(2, availableParallelism()),
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { requireAssertions: true },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: FOLDERS.map((folder) => `${folder}/**/*.test.ts`),
          exclude: [SERVER_TESTS],
        },
      },
      {
        extends: true,
        test: {
          name: 'server',
          include: FOLDERS.map((folder) => `${folder}/${SERVER_TESTS}`),
          globalSetup: ['tests/global-setup.ts'],
        },
      },
    ],
  },
});
