import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStoredLedger } from '#shared/ledger/open-ledger.ts';
import { newCluster } from '../../tests/cluster.ts';
import { insertArchivedRuns } from '../../tests/fixtures/filled-ledger.ts';
import { mongoDatabase, NEEDS_MONGODB } from '../../tests/mongodb.ts';
import { createDatabase, testEnv } from '../../tests/servers.ts';

const LAUNCHER = fileURLToPath(new URL('../sluice.mjs', import.meta.url));

/** The exported documents would not fit. The program itself needs about 40 MiB. */
const HEAP_MIB = 88;
/** The substitute for MongoDB needs minutes for the inserts of 10,000 runs. */
const RUNS = process.env.SLUICE_TEST_ALL === undefined ? 1_000 : 10_000;
/** Characters that each of five steps of a run has, so that all runs have at least 60 MB. */
const FILLER = 'x'.repeat(12_000);

let folder: string;
let databases: Awaited<ReturnType<typeof createDatabase>>[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice ledger é #'));
  databases = await Promise.all([createDatabase(), createDatabase()]);
});
afterAll(async () => {
  await Promise.all(databases.map((database) => database.drop()));
  await rm(folder, { recursive: true, force: true });
});

const sluice = (variables: Record<string, string>, ...args: string[]) =>
  execa(process.execPath, [`--max-old-space-size=${HEAP_MIB}`, LAUNCHER, 'ledger', ...args], {
    reject: false,
    env: { LOG_LEVEL: 'silent', ...variables },
  });

/** Checksum of the documents of an export: of all lines but the header and the trailer. It is too long for a string. */
async function contentOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  let before: string | undefined;
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (number++ > 1) hash.update(`${before}\n`);
    before = line;
  }
  return hash.digest('hex');
}

const mongo = mongoDatabase();
describe.skipIf(mongo === undefined)(mongo === undefined ? NEEDS_MONGODB : 'with a MongoDB server', () => {
  test(`${RUNS} runs are moved from PostgreSQL to MongoDB and back in little memory`, async () => {
    const [first, second] = databases.map(({ url }) => ({ LEDGER_URL: url })) as unknown as [Variables, Variables];
    const inMongo = { LEDGER_URL: mongo ?? '' };
    const stored = await openStoredLedger(testEnv(first));
    await insertArchivedRuns(stored, RUNS, FILLER);
    await stored.close();
    const files = ['postgresql.jsonl', 'mongodb é.jsonl', 'again.jsonl'].map((name) => join(folder, name));
    const [a = '', b = '', c = ''] = files;
    const moved = `Imported ${2 * RUNS} documents. 0 were already in the ledger.`;

    expect(await sluice(first, 'export', a)).toMatchObject({
      stdout: `Exported ${2 * RUNS} documents, ${RUNS} of them runs, to ${a}.`,
      exitCode: 0,
    });
    expect(await sluice(inMongo, 'import', a)).toMatchObject({ stdout: moved, stderr: '', exitCode: 0 });
    expect(await sluice(inMongo, 'export', b)).toMatchObject({ exitCode: 0 });
    expect(await sluice(second, 'import', b)).toMatchObject({ stdout: moved, exitCode: 0 });
    expect(await sluice(second, 'export', c)).toMatchObject({ exitCode: 0 });
    expect(await Promise.all(files.map(contentOf))).toEqual(Array(files.length).fill(await contentOf(a)));
  }, 600_000);
});
type Variables = Record<string, string>;

test('without LEDGER_URL, the ledger is in the embedded PostgreSQL, which is started for the command', async () => {
  const cluster = newCluster();
  const variables = { SLUICE_HOME: cluster.folder };
  const file = join(folder, 'embedded.jsonl');
  try {
    const exported = await sluice(variables, 'export', file, '--json');
    expect(JSON.parse(exported.stdout)).toMatchObject({ file, counts: { runs: 0, assets: 0 } });
    expect(await sluice(variables, 'import', file, '--json')).toMatchObject({ exitCode: 0 });
    expect(await sluice(variables, 'export', file)).toMatchObject({
      stderr: expect.stringContaining(`${file} exists`) as string,
      exitCode: 2,
    });
  } finally {
    cluster.remove();
  }
});
