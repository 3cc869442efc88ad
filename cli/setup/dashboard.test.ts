import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { buildDashboard, sourcesHash } from './dashboard.mjs';

const ROOT = resolve(import.meta.dirname, '../..');

beforeEach(() => {
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  onTestFinished(() => void vi.restoreAllMocks());
});

/** A project with a small page, and the packages of this one. */
function project() {
  const root = mkdtempSync(join(tmpdir(), 'sluice-dashboard-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'dashboard'));
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  writeFileSync(join(root, 'package-lock.json'), '{}');
  writeFileSync(join(root, 'dashboard/index.html'), '<title>first</title>');
  const page = join(root, 'dashboard/dist/index.html');
  return { root, page };
}

test('builds a page, and builds it again only when a source has changed', async () => {
  const { root, page } = project();
  expect(await buildDashboard(root)).toEqual([]);
  expect(readFileSync(page, 'utf8')).toContain('first');
  writeFileSync(page, 'kept');
  expect(await buildDashboard(root)).toEqual([]);
  expect(readFileSync(page, 'utf8')).toBe('kept');
  writeFileSync(join(root, 'dashboard/index.html'), '<title>second</title>');
  expect(await buildDashboard(root)).toEqual([]);
  expect(readFileSync(page, 'utf8')).toContain('second');
});

test('returns the output of vite when the build fails, and repeats the build', async () => {
  const { root, page } = project();
  writeFileSync(join(root, 'dashboard/index.html'), '<script type="module" src="/missing.ts"></script>');
  const [problem = ''] = await buildDashboard(root);
  expect(problem).toMatch(/^The dashboard could not be built\. The output of vite:\n[^]*missing\.ts/);
  writeFileSync(join(root, 'dashboard/index.html'), '<title>repaired</title>');
  expect(await buildDashboard(root)).toEqual([]);
  expect(readFileSync(page, 'utf8')).toContain('repaired');
});

test('builds nothing in an installation without sources', async () => {
  const { root, page } = project();
  rmSync(join(root, 'dashboard'), { recursive: true });
  expect(await buildDashboard(root)).toEqual([]);
  expect(existsSync(page)).toBe(false);
});

test('the hash covers names and contents of the sources and the packages, but not the built files', () => {
  const { root } = project();
  const hashes = [sourcesHash(root)];
  mkdirSync(join(root, 'dashboard/dist'));
  writeFileSync(join(root, 'dashboard/dist/index.html'), 'built');
  expect(sourcesHash(root)).toBe(hashes[0]);
  writeFileSync(join(root, 'dashboard/a.ts'), 'bc');
  hashes.push(sourcesHash(root));
  rmSync(join(root, 'dashboard/a.ts'));
  writeFileSync(join(root, 'dashboard/ab.ts'), 'c');
  hashes.push(sourcesHash(root));
  writeFileSync(join(root, 'package-lock.json'), '{"packages":{}}');
  hashes.push(sourcesHash(root));
  expect(new Set(hashes).size).toBe(4);
});
