import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ingestSample } from '../../gateway/console/ingest-sample.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';
import { browserProblem, startChromium } from './chromium.ts';
import { type Color, isTeal, shareOfColors } from './map-pixels.ts';
import { openPage, type WatchedPage } from './watched-page.ts';

/** The page of an asset in Chromium: the map by its pixels, the attribute table and the lineage. */

const ROOT = join(import.meta.dirname, '../..');
const SCREENSHOTS = join(ROOT, '.cache/screenshots');
const LAUNCHER = join(ROOT, 'cli/sluice.mjs');
const data = (name: string) => fileURLToPath(new URL(`../data/${name}`, import.meta.url));
const DESKTOP = { width: 1440, height: 1000, colorScheme: 'light' } as const;
const problem = browserProblem();

describe.skipIf(problem !== undefined)(problem ?? 'the page of an asset', () => {
  let sluice: TestSluice;
  let browser: Browser;
  let countries: string;
  let counties: string;
  let landsat: string;

  const ingest = async (...args: string[]) => {
    const env = { SLUICE_URL: sluice.url, LOG_LEVEL: 'silent' };
    const { stdout } = await execa(process.execPath, [LAUNCHER, 'ingest', ...args, '--json'], { env });
    return (JSON.parse(stdout) as { asset: { id: string } }).asset.id;
  };

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    sluice = await startTestSluice();
    browser = await startChromium();
    countries = (await ingestSample(sluice, AbortSignal.timeout(60_000))).asset!.id;
    counties = await ingest(data('vector/nc.shp'), '--dataset', 'counties');
    landsat = await ingest(data('raster/landsat.tif'), '--dataset', 'landsat');
  });
  afterAll(async () => {
    await browser?.close();
    await sluice?.[Symbol.asyncDispose]();
  });

  /** The page of the asset, when its map is complete. */
  const open = async (id: string): Promise<WatchedPage> => {
    const watched = await openPage(browser, sluice.url, DESKTOP);
    await watched.open(`assets/${id}`);
    return watched;
  };

  test('draws polygons, shows the attributes of a clicked one, sorts the table and opens the lineage', async () => {
    await using watched = await open(counties);
    const { page, problems } = watched;
    await expect.poll(() => shareOfColors(page, isTeal)).toBeGreaterThan(0.1);
    const box = (await page.locator('.map').boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    const attributes = page.getByRole('complementary', { name: 'Attributes of the selected feature' });
    await attributes.getByText('Montgomery').waitFor();
    await page.getByRole('button', { name: 'NAME' }).click();
    await page.locator('.cells[data-loading=false]').waitFor();
    await expect.poll(() => page.locator('.cells tbody tr').first().textContent()).toContain('Alamance');
    await page.locator('.lineage-node', { hasText: 'nc.shp' }).waitFor();
    await page.screenshot({ path: join(SCREENSHOTS, 'asset-vector.png'), fullPage: true });
    expect(problems).toEqual([]);
  });

  test('shows the same part of the map, feature, order and filter at the URL in another window', async () => {
    let url: string;
    {
      await using watched = await open(counties);
      const { page } = watched;
      await page.locator('.map').getByRole('button', { name: 'Zoom in' }).click();
      await expect.poll(() => page.url()).toContain('map=');
      await page.getByRole('button', { name: 'NAME' }).click();
      await page.getByRole('button', { name: 'NAME' }).click();
      await page.getByRole('combobox', { name: 'Column', exact: true }).selectOption('NAME');
      await page.getByRole('combobox', { name: 'Condition' }).selectOption('at most');
      await page.getByPlaceholder('Value').fill('M');
      await page.getByRole('button', { name: 'Filter', exact: true }).click();
      await page.getByRole('button', { name: 'Next' }).click();
      await expect.poll(() => page.url()).toContain('page=2');
      await page.locator('.cells[data-loading=false] tbody tr').first().click();
      await expect.poll(() => page.url()).toContain('row=');
      url = page.url();
    }
    const search = new URL(url).searchParams;
    await using watched = await openPage(browser, sluice.url, DESKTOP);
    await watched.open(url.slice(`${sluice.url}/ui/`.length));
    const { page, problems } = watched;
    await page.getByText(/^Rows 26 to 50 of \d+\.$/).waitFor();
    await page.locator('.cells[data-loading=false]').waitFor();
    const names = await page.locator('.cells tbody tr td:nth-child(6)').allTextContents();
    expect(names).toEqual(names.toSorted().reverse());
    expect(names.length).toBe(25);
    expect(await page.locator('.cells tr[aria-selected=true] th').textContent()).toBe(search.get('row'));
    expect(await page.getByRole('combobox', { name: 'Condition' }).inputValue()).toBe('at most');
    await page.getByRole('complementary', { name: 'Attributes of the selected feature' }).waitFor();
    await page.locator('.map').getByRole('button', { name: 'Zoom in' }).click();
    const zoomOf = (address: string) => Number(new URL(address).searchParams.get('map')?.split(',')[2]);
    await expect.poll(() => zoomOf(page.url()) - zoomOf(url)).toBeCloseTo(1, 1);
    expect(problems).toEqual([]);
  });

  test('draws the countries of the sample in a map as wide as the world, and shows their number', async () => {
    await using watched = await open(countries);
    const { page, problems } = watched;
    await page.getByText('All 176 features in this part of the map are drawn.').waitFor();
    await page.locator('.map').screenshot({ path: join(SCREENSHOTS, 'asset-countries.png') });
    expect(await shareOfColors(page, isTeal)).toBeGreaterThan(0.2);
    expect(problems).toEqual([]);
  });

  test('shows the features of the view after the map was hidden', async () => {
    await using watched = await open(countries);
    const { page, problems } = watched;
    const show = (display: string) =>
      page.evaluate(`document.querySelector('.map-with-attributes').style.display = '${display}'`);
    await show('none');
    // MapLibre resizes the canvas to 400 by 300 pixels.
    await expect.poll(() => page.evaluate(`document.querySelector('.map canvas').style.width`)).toBe('400px');
    expect(await page.locator('.map-note').textContent()).toContain('All 176 features');
    await show('');
    await expect.poll(() => page.evaluate(`document.querySelector('.map canvas').style.width`)).toBe('1162px');
    await page.locator('.map[data-complete=true]').waitFor();
    await page.getByText('All 176 features in this part of the map are drawn.').waitFor();
    await expect.poll(() => shareOfColors(page, isTeal)).toBeGreaterThan(0.2);
    expect(problems).toEqual([]);
  });

  test('compares two versions of a dataset: rows, columns, and extents on a map', async () => {
    await ingest(data('vector/olinda1.shp'), '--dataset', 'counties');
    await using watched = await openPage(browser, sluice.url, DESKTOP);
    const { page, problems } = watched;
    await watched.open('datasets/counties');
    await page.getByRole('link', { name: 'Compare versions' }).click();
    const facts = page.getByRole('table', { name: 'Facts of both versions' });
    await facts.getByRole('row', { name: /^Content 100 features \d+ features/ }).waitFor();
    const columns = page.getByRole('table', { name: 'Changed columns' });
    await columns.getByRole('row', { name: /^NAME .+ removed$/ }).waitFor();
    await page.locator('.map canvas').waitFor();
    expect(await watched.violations()).toEqual([]);
    await page.screenshot({ path: join(SCREENSHOTS, 'compare.png'), fullPage: true });
    await page.getByLabel('From version').selectOption('2');
    await page.getByText('Both versions have the same columns, with the same types.').waitFor();
    expect(new URL(page.url()).searchParams.get('from')).toBe('2');
    expect(problems).toEqual([]);
  });

  test('draws a raster with its colors, and shows the values of a clicked pixel', async () => {
    await using watched = await open(landsat);
    const { page, problems } = watched;
    await expect.poll(() => shareOfColors(page, isViridis)).toBeGreaterThan(0.1);
    const box = (await page.locator('.map').boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.getByText(/^Column \d+, row \d+: band 1: \d+/).waitFor();
    await page.screenshot({ path: join(SCREENSHOTS, 'asset-raster.png') });
    expect(problems).toEqual([]);
  });
});

/** The middle of the ramp: blue-green to green, which the base map does not contain. */
function isViridis([red, green, blue]: Color): boolean {
  return red < 110 && green > 80 && green < 215 && blue > 80 && blue < 150;
}
