import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readStack } from '#shared/config/stack.ts';
import { weakSecretProblem } from '#shared/config/secret-rules.ts';
import { createSecrets } from './secret-files.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  folders.push(folder);
  return folder;
}

const GENERATED = 'created-by-npm-run-secrets';

/** The secrets and their files in a kustomization. */
function generatedSecrets(group: string): { name: string; files: string[] }[] {
  const text = readFileSync(new URL(`secrets/${group}/kustomization.yaml`, import.meta.url), 'utf8');
  return (parse(text) as { secretGenerator: { name: string; files: string[] }[] }).secretGenerator;
}

test('writes exactly the files that the kustomizations read, for their owner only', () => {
  const folder = emptyFolder();
  const { created } = createSecrets(folder, {});
  const files = ['functions', 'servers'].flatMap((group) =>
    generatedSecrets(group).flatMap(({ files }) => files.map((file) => `${group}/${basename(file)}`)),
  );
  expect(created.sort()).toEqual(files.sort());
  for (const path of created) {
    const [group = '', name = ''] = path.split('/');
    expect(statSync(join(folder, group, GENERATED, name)).mode & 0o777).toBe(0o600);
  }
});

test('every secret of stack.yml is generated, with a file of the same name', async () => {
  const { functions } = await readStack(undefined, {});
  const named = [...new Set(functions.flatMap(({ secrets }) => secrets))].sort();
  const generated = generatedSecrets('functions').sort((left, right) => (left.name < right.name ? -1 : 1));
  expect(generated.map(({ name }) => name)).toEqual(named);
  expect(generated.map(({ files }) => files.map((file) => basename(file)))).toEqual(named.map((name) => [name]));
});

test('generates strong secrets, which differ', () => {
  const folder = emptyFolder();
  const secrets = createSecrets(folder, {}).created.filter((path) => /password|secret|token/.test(path));
  const values = secrets.map((path) => {
    const [group = '', name = ''] = path.split('/');
    return readFileSync(join(folder, group, GENERATED, name), 'utf8');
  });
  expect(values.map((value) => weakSecretProblem(value))).toEqual(values.map(() => undefined));
  expect(new Set(values).size).toBe(values.length);
});

test('reads addresses from the environment, and keeps existing files', () => {
  const folder = emptyFolder();
  const variables = { POSTGIS_URL: 'postgresql://u:p@db.example.com/gis\n' };
  const { created } = createSecrets(folder, variables);
  expect(readFileSync(join(folder, 'functions', GENERATED, 'sluice-postgis-url'), 'utf8')).toBe(
    'postgresql://u:p@db.example.com/gis',
  );
  expect(createSecrets(folder, variables)).toEqual({ created: [], kept: created });
  expect(createSecrets(folder, {})).toEqual({ created: [], kept: created });
});

test('rejects variables that differ from existing files, and writes nothing', () => {
  const folder = emptyFolder();
  createSecrets(folder, {});
  const file = (group: string, name: string) => join(folder, group, GENERATED, name);
  const generated = readFileSync(file('functions', 'sluice-ledger-url'), 'utf8');
  rmSync(file('servers', 'mongodb-key'));
  const variables = { LEDGER_URL: 'mongodb://db.example.com/sluice', S3_ADMIN_ACCESS_KEY_ID: 'root', POSTGIS_URL: ' ' };
  expect(() => createSecrets(folder, variables)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: [
        `S3_ADMIN_ACCESS_KEY_ID differs from ${file('servers', 'minio-root-user')}. ` +
          'Delete this file, or unset S3_ADMIN_ACCESS_KEY_ID.',
        `LEDGER_URL differs from ${file('functions', 'sluice-ledger-url')}. Delete this file, or unset LEDGER_URL.`,
      ].join('\n'),
    }),
  );
  expect(readFileSync(file('functions', 'sluice-ledger-url'), 'utf8')).toBe(generated);
  expect(existsSync(file('servers', 'mongodb-key'))).toBe(false);
});

test('the generated URLs contain the generated passwords', () => {
  const folder = emptyFolder();
  createSecrets(folder, {});
  const read = (group: string, name: string) => readFileSync(join(folder, group, GENERATED, name), 'utf8');
  expect(new URL(read('functions', 'sluice-ledger-url')).password).toBe(read('servers', 'mongodb-password'));
  expect(new URL(read('functions', 'sluice-postgis-url')).password).toBe(read('servers', 'postgis-password'));
  expect(new URL(read('servers', 'control-database-url')).password).toBe(read('servers', 'control-database-password'));
});
