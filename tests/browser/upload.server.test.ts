import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AssetDetailView, AssetView, RunView } from '#shared/api/views.ts';
import { hashPassword } from '../../gateway/access/password-hash.ts';
import { writeUsersFile } from '../../gateway/access/users-file.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';
import { browserProblem, startChromium } from './chromium.ts';
import { isTeal, shareOfColors } from './map-pixels.ts';
import { openPage, type PageOptions, type WatchedPage } from './watched-page.ts';

/** The upload page in Chromium: files are dropped, inspected and ingested, and their errors are shown. */

const SCREENSHOTS = join(import.meta.dirname, '../../.cache/screenshots');
const DESKTOP: PageOptions = { width: 1440, height: 1000, colorScheme: 'light' };
const PHONE: PageOptions = { width: 390, height: 844, colorScheme: 'dark' };
const data = (name: string) => fileURLToPath(new URL(`../data/${name}`, import.meta.url));
const COUNTIES = Object.fromEntries(
  ['shp', 'shx', 'dbf', 'prj'].map((ending) => [`nc é.${ending}`, readFileSync(data(`vector/nc.${ending}`))]),
);
const problem = browserProblem();

/** Drops files on the page, as a user does from the file manager. */
async function drop(page: Page, files: Record<string, Buffer | string>): Promise<void> {
  const encoded = Object.entries(files).map(([name, content]) => [name, Buffer.from(content).toString('base64')]);
  const transfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer();
    for (const [name, content] of ${JSON.stringify(encoded)})
      transfer.items.add(new File([Uint8Array.from(atob(content), (each) => each.charCodeAt(0))], name));
    return transfer;
  })()`);
  await page.locator('.drop-zone').dispatchEvent('dragover', { dataTransfer: transfer });
  await page.locator('.drop-zone').dispatchEvent('drop', { dataTransfer: transfer });
}

const excessWidth = (page: Page) =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

describe.skipIf(problem !== undefined)(problem ?? 'the upload page', () => {
  let sluice: TestSluice;
  let browser: Browser;

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    [sluice, browser] = await Promise.all([startTestSluice(), startChromium()]);
  });
  afterAll(async () => {
    await browser?.close();
    await sluice?.[Symbol.asyncDispose]();
  });

  const get = async <T>(path: string) => (await (await fetch(sluice.url + path)).json()) as T;
  const open = async (options: PageOptions): Promise<WatchedPage> => {
    const watched = await openPage(browser, sluice.url, options);
    await watched.open('upload');
    return watched;
  };
  const capture = async ({ page }: WatchedPage, name: string) => {
    await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  };

  test('a dropped shapefile is described, shown on the map and ingested', async () => {
    await using watched = await open(DESKTOP);
    const { page, problems } = watched;
    await drop(page, COUNTIES);
    await page.getByText('✓ Uploaded').waitFor();
    await page.getByText('100 features, Polygon, EPSG:4267, 14 columns').waitFor();
    expect(await page.getByText(/^vector, ESRI Shapefile/).textContent()).toContain('with .shx .dbf .prj');
    await expect.poll(() => shareOfColors(page, isTeal)).toBeGreaterThan(0.1);
    const dataset = page.getByLabel('Dataset', { exact: true });
    expect(await dataset.inputValue()).toBe('nc_é');
    expect(await get<RunView[]>('/api/runs')).toEqual([]);

    await dataset.fill('-counties');
    await page.getByText(/The name must be 1 to 100 letters/).waitFor();
    expect(await page.getByRole('button', { name: 'Start the run' }).isDisabled()).toBe(true);
    await dataset.fill('counties');
    await page.getByLabel('Description').fill('Counties of North Carolina');
    await page.getByLabel('Your name').fill('zoë');
    expect(await watched.violations()).toEqual([]);
    await capture(watched, 'upload-described-1440-light');
    await page.getByRole('button', { name: 'Start the run' }).click();

    await page.getByText('The run is complete.').waitFor();
    await capture(watched, 'upload-done-1440-light');
    expect(await watched.violations()).toEqual([]);
    const [run] = await get<RunView[]>('/api/runs');
    expect(run).toMatchObject({ dataset_id: 'counties', status: 'success', operator: 'zoë', intent: 'ingest_vector' });
    await page.reload();
    await page.getByRole('link', { name: 'Open counties, version 1' }).click();
    await page.getByText('All 100 features in this part of the map are drawn.').waitFor();
    await expect.poll(() => shareOfColors(page, isTeal)).toBeGreaterThan(0.1);
    expect(problems).toEqual([]);
  });

  test('a raster and a file of a wrong format are described on a narrow screen', async () => {
    await using watched = await open(PHONE);
    const { page } = watched;
    await drop(page, { 'landsat.tif': readFileSync(data('raster/landsat.tif')), 'streets.geojson': 'no JSON' });
    await page.getByText(/EPSG:31985/).waitFor();
    await page.getByText(/^streets\.geojson is declared as GeoJSON, but/).waitFor();
    await page.locator('.map[data-complete=false]').waitFor({ state: 'detached' });
    expect(await excessWidth(page)).toBe(0);
    expect(await watched.violations()).toEqual([]);
    await capture(watched, 'upload-problems-390-dark');
    await page.getByText(/all files of a manifest must have the same type|requires raster files/).waitFor();
    expect(await page.getByRole('button', { name: /^Start/ }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Remove streets.geojson' }).click();
    await page.getByLabel('Dataset', { exact: true }).fill('landsat');
    await page.getByRole('button', { name: 'Start the run', exact: true }).click();
    await page.getByText('The run is complete.').waitFor();
    const [asset] = await get<AssetView[]>('/api/assets?dataset_id=landsat');
    expect(asset?.kind).toBe('raster');
    // Chromium logs each response with an error status.
    expect([...new Set(watched.problems)]).toEqual([expect.stringMatching(/status of 422 .*\/api\/uploads\/inspect/)]);
  });

  test('a shapefile without its parts is not uploaded, and can be completed', async () => {
    await using watched = await open(DESKTOP);
    const { page } = watched;
    const { 'nc é.shp': shp, ...others } = COUNTIES;
    await drop(page, { 'nc é.shp': shp! });
    await page.getByText(/nc é\.shp lacks \.shx and \.dbf/).waitFor();
    expect(await page.getByText('✓ Uploaded').count()).toBe(0);
    await capture(watched, 'upload-incomplete-1440-light');
    await drop(page, others);
    await page.getByText('✓ Uploaded').waitFor();
    expect(watched.problems).toEqual([]);
  });

  test('recipe steps are composed with the form of their schemas', async () => {
    await using watched = await open({ ...DESKTOP, width: 1280 });
    const { page, problems } = watched;
    await drop(page, COUNTIES);
    await page.getByText('100 features, Polygon').waitFor();
    const add = page.getByLabel('Add a step');
    await add.selectOption('clip');
    await page.getByText('is missing').waitFor();
    for (const [side, value] of Object.entries({ xmin: '-82', ymin: '35', xmax: '-80', ymax: '36' }))
      await page.getByLabel(side).fill(value);
    await add.selectOption('filter');
    const filter = page.getByRole('group', { name: 'Step 2: filter' });
    await filter.getByRole('group', { name: 'All' }).getByRole('button', { name: 'Add an entry' }).click();
    await filter.getByLabel('Op').selectOption('>=');
    await filter.getByLabel('Column').fill('BIR74');
    await filter.getByLabel('Value').fill('1000');
    await add.selectOption('rename_columns');
    const rename = page.getByRole('group', { name: 'Step 3: rename_columns' });
    await rename.getByRole('button', { name: 'Add a column' }).click();
    await rename.getByLabel('Column', { exact: true }).fill('NAME');
    await rename.getByLabel('New name').fill('county');
    await page.getByRole('button', { name: 'Move Step 2: filter up' }).click();
    await page.getByText('is missing').waitFor({ state: 'detached' });
    expect(await watched.violations()).toEqual([]);
    expect(await excessWidth(page)).toBe(0);
    await capture(watched, 'upload-recipe-1280-light');
    await page.getByLabel('Dataset', { exact: true }).fill('clipped');
    await page.getByRole('button', { name: 'Start the run', exact: true }).click();
    await page.getByText('The run is complete.').waitFor();
    const [asset] = await get<AssetView[]>('/api/assets?dataset_id=clipped');
    const { recipe } = await get<AssetDetailView>(`/api/assets/${asset?.id}`);
    expect(recipe?.parameters.steps).toEqual([
      { step: 'filter', all: [{ column: 'BIR74', op: '>=', value: 1000 }] },
      { step: 'clip', bounds: [-82, 35, -80, 36], crs: 'EPSG:4326', cut: true },
      { step: 'rename_columns', columns: { NAME: 'county' } },
    ]);
    expect(asset?.columns.map(({ name }) => name)).toContain('county');
    expect(problems).toEqual([]);
  });

  test('the error of a failed run is shown with what to do', async () => {
    await using watched = await open(DESKTOP);
    const { page } = watched;
    await drop(page, { 'streets.geojson': '{"type":"FeatureCollection","features":[{]}' });
    await page.getByRole('button', { name: 'Start the run anyway' }).click();
    await page.getByText('The run failed.').waitFor();
    const [run] = await get<RunView[]>('/api/runs?dataset_id=streets');
    const alert = page.getByRole('alert');
    expect(await alert.textContent()).toContain(run?.error?.message);
    expect(await alert.textContent()).toContain(run?.advice);
    await capture(watched, 'upload-failed-1440-light');
    await page.getByRole('link', { name: 'Upload other files' }).click();
    await page.getByText('Drop files or folders here').waitFor();
  });

  test('an interrupted upload is repeated on request, and continues while other pages are open', async () => {
    await using watched = await open(DESKTOP);
    const { page, problems } = watched;
    await page.route('**/api/landing/**', (route) => route.abort());
    await drop(page, { 'preise.csv': 'id;preis\n1;2,5\n' });
    await page.getByText('The upload of preise.csv was interrupted.').waitFor();
    expect(problems.splice(0)).toEqual([expect.stringContaining('net::ERR_FAILED')]);
    await page.unroute('**/api/landing/**');
    await page.getByRole('button', { name: 'Upload again' }).click();
    await page.getByRole('link', { name: 'Datasets' }).click();
    await page.getByRole('heading', { name: 'Datasets' }).waitFor();
    await page.getByRole('link', { name: 'Upload' }).click();
    await page.getByText('✓ Uploaded').waitFor();
    await page.getByText('Format, coordinate system and layer').click();
    await page.getByLabel('Kind').selectOption('tabular');
    await page.getByText('1 row, 2 columns').waitFor();
    await page.getByRole('button', { name: 'Remove all' }).click();
    await page.getByText('Drop files or folders here').waitFor();
  });
});

describe.skipIf(problem !== undefined)(problem ?? 'the upload page of a viewer', () => {
  let sluice: TestSluice;
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-upload-'));

  beforeAll(async () => {
    const file = join(folder, 'users.json');
    writeUsersFile(file, [{ name: 'vera', role: 'viewer', password: await hashPassword('correct horse'), tokens: [] }]);
    [sluice, browser] = await Promise.all([startTestSluice({ SLUICE_USERS_FILE: file }), startChromium()]);
  });
  afterAll(async () => {
    await browser?.close();
    await sluice?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('states that the role does not allow uploads', async () => {
    await using watched = await openPage(browser, sluice.url, DESKTOP);
    const { page, problems } = watched;
    await page.goto(`${sluice.url}/ui/upload`);
    await page.getByLabel('User').fill('vera');
    await page.getByLabel('Password').fill('correct horse');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Your role does not allow uploads.').waitFor();
    expect(await page.locator('.drop-zone').count()).toBe(0);
    const status = await page.evaluate<number>(
      `fetch('/api/uploads/plan', { method: 'POST', body: '{"files":[]}' }).then(({ status }) => status)`,
    );
    expect(status).toBe(403);
    expect(problems).toEqual([expect.stringContaining('403')]);
    await page.screenshot({ path: join(SCREENSHOTS, 'upload-viewer-1440-light.png') });
  });
});
