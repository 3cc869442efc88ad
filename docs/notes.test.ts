import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '#shared/errors/codes.ts';

const ROOT = resolve(import.meta.dirname, '..');
/** The folders whose notes are about tables and points. */
const FOLDERS = ['shared/tables', 'functions/export-parquet', 'functions/load-to-postgis/csv'];

/** The codes of notes in the source of a folder. Some codes are those of errors, too. */
function noteCodes(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  const sources = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  return sources.flatMap((name) => {
    const text = readFileSync(join(ROOT, folder, name), 'utf8');
    return [...text.matchAll(/\bcode: '([A-Z_]+)'/g)].map(([, code = '']) => code);
  });
}

test('docs/tabular.md lists every note about tables', () => {
  const table = readFileSync(join(ROOT, 'docs/tabular.md'), 'utf8').split('## Notes')[1] ?? '';
  const codes = [...new Set(FOLDERS.flatMap(noteCodes))].filter((code) => !(code in ERROR_CODES));
  expect(codes.length).toBeGreaterThan(10);
  expect(codes.filter((code) => !table.includes(`\`${code}\``))).toEqual([]);
});
