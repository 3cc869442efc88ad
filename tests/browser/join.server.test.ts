import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { AssetView, RunView } from '#shared/api/views.ts';
import { hashPassword } from '../../gateway/access/password-hash.ts';
import { writeUsersFile } from '../../gateway/access/users-file.ts';
import { ingestSample } from '../../gateway/console/ingest-sample.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';
import { browserProblem, startChromium } from './chromium.ts';
import { openPage, type PageOptions, type WatchedPage } from './watched-page.ts';

/** The page Join in Chromium: two datasets are chosen, compared and joined, and errors are shown before the start. */

const SCREENSHOTS = join(import.meta.dirname, '../../.cache/screenshots');
const DESKTOP: PageOptions = { width: 1440, height: 1000, colorScheme: 'light' };
const PHONE: PageOptions = { width: 390, height: 844, colorScheme: 'dark' };
const POLL = { timeout: 60_000, interval: 100 };
const CAPITALS =
  'iso_a2,Hauptstadt,area_km2\nDE,Berlin,357592\nFR,Paris,643801\nNA,Windhoek,825615\nXX,"Nirgends, é",0\n';
const CITIES = 'iso_a2,Stadt é\nDE,Berlin\nDE,Köln\nDE,München\nFR,Paris\n';
const problem = browserProblem();

const excessWidth = (page: Page) =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const startButton = (page: Page) => page.getByRole('button', { name: /^Start/ });

describe.skipIf(problem !== undefined)(problem ?? 'the page Join', () => {
  let sluice: TestSluice;
  let browser: Browser;
  let countries: AssetView;
  let capitals: AssetView;
  let cities: AssetView;

  const get = async <T>(path: string) => (await (await fetch(sluice.url + path)).json()) as T;
  const put = (key: string, body: string) =>
    fetch(`${sluice.url}/api/landing/${encodeURI(key)}`, { method: 'PUT', body }).then(({ status }) =>
      expect(status).toBe(201),
    );
  const table = async (dataset_id: string, csv: string): Promise<AssetView> => {
    await put(`${dataset_id}.csv`, csv);
    const file = { path: `s3://landing-zone/${dataset_id}.csv`, type: 'tabular', format: 'CSV' };
    const metadata = { tags: { dataset_id } };
    const manifest = { batch_id: dataset_id, uploader: 'zoë', intent: 'ingest_tabular', files: [file], metadata };
    await put(`manifests/${dataset_id}.json`, JSON.stringify(manifest));
    const read = () => get<RunView[]>(`/api/runs?batch_id=${encodeURIComponent(dataset_id)}&status=success`);
    await vi.waitFor(async () => expect(await read()).toHaveLength(1), POLL);
    return (await read())[0]!.asset!;
  };

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    [sluice, browser] = await Promise.all([startTestSluice(), startChromium()]);
    const [sample, ...tables] = await Promise.all([
      ingestSample(sluice, AbortSignal.timeout(60_000)),
      table('hauptstädte', CAPITALS),
      table('städte', CITIES),
    ]);
    countries = sample.asset!;
    [capitals, cities] = tables;
  });
  afterAll(async () => {
    await browser?.close();
    await sluice?.[Symbol.asyncDispose]();
  });

  const open = async (options: PageOptions, query = ''): Promise<WatchedPage> => {
    const watched = await openPage(browser, sluice.url, options);
    await watched.open(`join${query}`);
    return watched;
  };
  const capture = async ({ page }: WatchedPage, name: string) => {
    await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  };
  const joins = () => get<RunView[]>('/api/runs?lane=join');

  test('keys are proposed, unmatched keys are shown before the start, and the run is followed to the asset', async () => {
    await using watched = await open(DESKTOP);
    const { page, problems } = watched;
    await page.getByText('Choose features, a table and their keys to see what matches.').waitFor();
    const features = region(page, 'Features');
    expect(await features.getByRole('button').textContent()).toContain(`spatial, 177 features`);
    expect(await startButton(page).isDisabled()).toBe(true);
    expect(await watched.violations()).toEqual([]);
    await capture(watched, 'join-empty-1440-light');
    await features.getByRole('button', { name: countries.dataset_id }).click();
    const tables = region(page, 'Table');
    await tables.getByLabel('Search').fill('HAUPT');
    await tables
      .getByRole('button', { name: /städte/ })
      .nth(1)
      .waitFor({ state: 'detached' });
    await tables.getByRole('button', { name: 'hauptstädte' }).click();

    await page.getByText('Proposed, because the names are alike').waitFor();
    expect(await page.getByLabel('Key of the features').inputValue()).toBe('iso_a2');
    expect(await page.getByLabel('Key of the table').inputValue()).toBe('iso_a2');
    const preview = region(page, 'Preview');
    await preview.getByText('Table keys without a feature').waitFor();
    expect(await preview.locator('.figure').allTextContents()).toEqual([
      'Features with a row3of 177 features (2%)',
      'Rows with a feature3of 4 rows (75%)',
      expect.stringMatching(/^Joined features177with \d+ columns$/),
    ]);
    expect(
      await preview.locator('section', { hasText: 'Table keys without' }).locator('.key').allTextContents(),
    ).toEqual(['XX']);
    expect(await preview.locator('section', { hasText: 'Feature keys without' }).locator('.key').count()).toBe(10);
    expect(await preview.getByRole('cell', { name: 'Windhoek' }).count()).toBe(1);
    expect(await joins(), 'nothing was started').toEqual([]);
    await page.getByLabel('New dataset').fill('-x');
    await page.getByText(/The name must be 1 to 100 letters/).waitFor();
    expect(await startButton(page).isDisabled()).toBe(true);
    await page.getByLabel('New dataset').fill('länder-hauptstädte');
    await page.getByLabel('Your name').fill('zoë');
    await page.waitForURL(/dataset=l/);
    expect(await watched.violations()).toEqual([]);
    await capture(watched, 'join-preview-1440-light');
    await page.getByRole('button', { name: 'Start the join' }).click();

    await page.getByText('The run is complete.').waitFor();
    expect(await watched.violations()).toEqual([]);
    await capture(watched, 'join-done-1440-light');
    const [run] = await joins();
    expect(run).toMatchObject({ status: 'success', operator: 'zoë', intent: 'join_datasets' });
    expect(run?.asset).toMatchObject({
      row_count: 177,
      join: { matched_rows: 3, unmatched_tabular: { count: 1, sample: ['XX'] } },
    });
    await page.getByRole('link', { name: 'Open länder-hauptstädte, version 1' }).click();
    await page.getByText('Unmatched tabular keys').waitFor();
    expect(problems).toEqual([]);
  });

  const query = (fields: Record<string, string>) => `?${new URLSearchParams(fields).toString()}`;

  test.each([
    ['1440-dark', { ...DESKTOP, colorScheme: 'dark' }],
    ['1280-light', { ...DESKTOP, width: 1280 }],
    ['390-light', { ...PHONE, colorScheme: 'light' }],
    ['390-dark', PHONE],
  ] as const)('the URL holds the choice, and the page fits the screen at %s', async (name, options) => {
    await using watched = await open(options, query({ features: countries.id, table: capitals.id, how: 'inner' }));
    const { page, problems } = watched;
    await page.getByText('Table keys without a feature').waitFor();
    expect(await page.locator('.figure').last().textContent()).toMatch(/^Joined features3/);
    expect(await page.getByLabel('Omit them (inner join)').isChecked()).toBe(true);
    expect(await excessWidth(page)).toBe(0);
    expect(await watched.violations()).toEqual([]);
    await capture(watched, `join-preview-${name}`);
    expect(problems).toEqual([]);
  });

  test('duplicate keys prevent the start until features are repeated', async () => {
    await using watched = await open(PHONE, query({ features: countries.id, table: cities.id }));
    const { page, problems } = watched;
    await page.getByText('Several rows of the table have the same key, so the run would fail.').waitFor();
    expect(
      await page.locator('section', { hasText: 'in several rows' }).last().locator('.key').allTextContents(),
    ).toEqual(['DE (3 rows)']);
    expect(await startButton(page).isDisabled()).toBe(true);
    expect(await excessWidth(page)).toBe(0);
    expect(await watched.violations()).toEqual([]);
    await capture(watched, 'join-duplicates-390-dark');
    await page.getByRole('button', { name: 'Repeat the features' }).click();
    await page.getByText(/^179$/).waitFor();
    expect(await page.getByLabel('Repeat a feature for each row with its key').isChecked()).toBe(true);
    await expect.poll(() => page.getByRole('button', { name: 'Start the join' }).isEnabled()).toBe(true);
    expect(problems).toEqual([]);
  });

  test('keys that cannot be compared are explained in the words of the page', async () => {
    const chosen = { features: countries.id, table: capitals.id, feature_key: 'area_km2', table_key: 'Hauptstadt' };
    await using watched = await open(DESKTOP, query(chosen));
    const { page, problems } = watched;
    const alert = page.getByRole('alert');
    await alert.getByText(/^The feature key "area_km2" is integer/).waitFor();
    expect(await alert.textContent()).toContain('but the table key "Hauptstadt" is text ("Berlin"');
    expect(await alert.textContent()).toContain('JOIN_KEY_TYPE_MISMATCH');
    expect(await startButton(page).isDisabled()).toBe(true);
    expect(await watched.violations()).toEqual([]);
    await capture(watched, 'join-types-1440-light');
    await page.getByLabel('Key of the table').selectOption('area_km2');
    await page.getByText('Table keys without a feature').waitFor();
    // Chromium logs each response with an error status.
    expect(problems).toEqual([expect.stringMatching(/status of 422 .*\/api\/joins\/preview/)]);
  });

  test('a preview is canceled, and repeated on request', async () => {
    await using watched = await openPage(browser, sluice.url, DESKTOP);
    const { page } = watched;
    const held = Promise.withResolvers<void>();
    await page.route('**/api/joins/preview', async (route) => {
      await held.promise;
      await route.continue().catch(() => undefined); // The page has aborted the request.
    });
    const aborted = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/api/joins/preview'));
    await watched.open(`join${query({ features: countries.id, table: capitals.id })}`);
    await page.getByText('Comparing the keys…').waitFor();
    expect(await startButton(page).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await aborted;
    await page.getByText('The preview was canceled.').waitFor();
    await page.getByRole('button', { name: 'Start without a preview' }).waitFor();
    await capture(watched, 'join-canceled-1440-light');
    held.resolve();
    await page.unroute('**/api/joins/preview');
    await page.getByRole('button', { name: 'Compare the keys' }).click();
    await page.getByText('Table keys without a feature').waitFor();
    expect(watched.problems).toEqual([]);
  });

  test('the keyboard chooses a dataset, and the focus stays at its place', async () => {
    await using watched = await open(DESKTOP);
    const { page } = watched;
    const focused = () => page.evaluate<string | null>('document.activeElement.getAttribute("aria-label")');
    await region(page, 'Table').getByLabel('Search').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect.poll(focused).toBe('Change the table');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.evaluate('document.activeElement.type')).toBe('search');
    await page.keyboard.type('no such dataset');
    await page.getByText('No dataset matches the search.').waitFor();
    expect(watched.problems).toEqual([]);
  });

  test('a dataset that was removed is reported', async () => {
    await using watched = await open(DESKTOP, query({ features: 'f'.repeat(24), table: capitals.id }));
    const { page } = watched;
    await region(page, 'Features').getByText('ASSET_NOT_FOUND').waitFor();
    await page.getByRole('button', { name: 'Change the features' }).click();
    await region(page, 'Features').getByRole('button', { name: countries.dataset_id }).waitFor();
    expect(watched.problems).toEqual([expect.stringMatching(/status of 404 .*\/api\/joins\/sources/)]);
  });
});

describe.skipIf(problem !== undefined)(problem ?? 'the page Join of an empty lake', () => {
  let sluice: TestSluice;
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-join-'));

  beforeAll(async () => {
    const file = join(folder, 'users.json');
    const password = await hashPassword('correct horse');
    writeUsersFile(file, [
      { name: 'vera', role: 'viewer', password, tokens: [] },
      { name: 'olga', role: 'operator', password, tokens: [] },
    ]);
    [sluice, browser] = await Promise.all([startTestSluice({ SLUICE_USERS_FILE: file }), startChromium()]);
  });
  afterAll(async () => {
    await browser?.close();
    await sluice?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const logIn = async (user: string): Promise<WatchedPage> => {
    const watched = await openPage(browser, sluice.url, DESKTOP);
    const { page } = watched;
    await page.goto(`${sluice.url}/ui/join`);
    await page.getByLabel('User').fill(user);
    await page.getByLabel('Password').fill('correct horse');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Join', exact: true }).waitFor();
    return watched;
  };

  test('tells an operator to upload data first', async () => {
    await using watched = await logIn('olga');
    await watched.page.getByText('There is no dataset with features yet.').waitFor();
    await watched.page.getByText('There is no table yet.').waitFor();
    expect(await watched.violations()).toEqual([]);
    await watched.page.screenshot({ path: join(SCREENSHOTS, 'join-no-data-1440-light.png') });
    expect(watched.problems).toEqual([]);
  });

  test('states that the role of a viewer does not allow joins', async () => {
    await using watched = await logIn('vera');
    const { page, problems } = watched;
    await page.getByText('Your role does not allow joins.').waitFor();
    const status = await page.evaluate<number>(
      `fetch('/api/joins/preview', { method: 'POST', body: '{}' }).then(({ status }) => status)`,
    );
    expect(status).toBe(403);
    expect(problems).toEqual([expect.stringContaining('403')]);
  });
});
