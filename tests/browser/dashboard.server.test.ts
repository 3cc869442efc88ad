import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { AssetView, DeadLetterView, RunView } from '#shared/api/views.ts';
import { makeEvent } from '#shared/events/event.ts';
import { ingestSample } from '../../gateway/console/ingest-sample.ts';
import { admitBatch } from '../fixtures/documents.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';
import { browserProblem, startChromium } from './chromium.ts';
import { openPage, type PageOptions } from './watched-page.ts';

/** The dashboard in a browser, on a Sluice with the sample, a rejected file, a waiting run and a dead letter. */

/** Git ignores the folder. Look at the images after a change of the dashboard. */
const SCREENSHOTS = join(import.meta.dirname, '../../.cache/screenshots');
const DESKTOP: PageOptions = { width: 1440, height: 900, colorScheme: 'light' };
const PHONE: PageOptions = { width: 390, height: 844, colorScheme: 'light' };
const VIEWS: [string, PageOptions][] = [
  ['1440-light', DESKTOP],
  ['1440-dark', { ...DESKTOP, colorScheme: 'dark' }],
  ['390-light', PHONE],
  ['390-dark', { ...PHONE, colorScheme: 'dark' }],
];

/** Pixels that the page is wider than the screen. */
const excessWidth = (page: Page) =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
/** expect.poll needs a test. */
const POLL = { timeout: 30_000, interval: 100 };
/** For tests of all pages. */
const PAGES_TEST = { timeout: 180_000 };
const problem = browserProblem();

describe.skipIf(problem !== undefined)(problem ?? 'the dashboard', () => {
  let sluice: TestSluice;
  let browser: Browser;
  let sample: RunView;
  let asset: AssetView;
  let failed: RunView;
  let waiting: string;

  const get = async <T>(path: string) => (await (await fetch(sluice.url + path)).json()) as T;
  const put = (key: string, body: string) =>
    fetch(`${sluice.url}/api/landing/${key}`, { method: 'PUT', body }).then(({ status }) => expect(status).toBe(201));

  /** Uploads a file that is not GeoJSON, and waits for the failure of its run. */
  const failRun = async (batch_id: string) => {
    await put(`${batch_id}/streets.geojson`, 'not JSON');
    const file = { path: `s3://landing-zone/${batch_id}/streets.geojson`, type: 'vector', format: 'GeoJSON' };
    const metadata = { project: 'TEST', description: 'A file that is not GeoJSON', tags: { dataset_id: 'streets' } };
    const manifest = { batch_id, uploader: 'zoë', intent: 'ingest_vector', files: [file], metadata };
    await put(`manifests/${batch_id}.json`, JSON.stringify(manifest));
    const read = () => get<RunView[]>(`/api/runs?batch_id=${batch_id}&status=failure`);
    await vi.waitFor(async () => expect(await read()).toHaveLength(1), POLL);
    return (await read())[0]!;
  };
  /** An event without its data, which archive rejects. */
  const addDeadLetter = async (id: string) => {
    const data = { manifest_id: '', manifest_key: 'manifests/unknown é.json', error: null };
    await sluice.router.publish({ ...makeEvent('sluice.manifest.rejected', id, data), id, data: {} });
    const read = async () => (await get<DeadLetterView[]>('/api/dead-letters')).filter(({ event }) => event.id === id);
    await vi.waitFor(async () => expect(await read()).toHaveLength(1), POLL);
  };

  beforeAll(async () => {
    rmSync(SCREENSHOTS, { recursive: true, force: true });
    mkdirSync(SCREENSHOTS, { recursive: true });
    [sluice, browser] = await Promise.all([
      startTestSluice({ LOG_FILE: join(SCREENSHOTS, 'sluice.log'), LOG_LEVEL: 'info' }),
      startChromium(),
    ]);
    [sample, failed] = await Promise.all([ingestSample(sluice, AbortSignal.timeout(60_000)), failRun('streets-1')]);
    asset = sample.asset!;
    // Each minute, it would resume the runs that have no event.
    const scaled = { method: 'POST', body: JSON.stringify({ replicas: 0 }) };
    expect((await fetch(`${sluice.url}/system/scale-function/monitor-runs`, scaled)).status).toBe(202);
    await addDeadLetter('dead-letter-1');
    waiting = (await admitBatch(sluice.context.ledger, { batchId: 'waiting é', datasetId: 'forêts' })).run_id;
  });
  afterAll(async () => {
    await browser?.close();
    await sluice?.[Symbol.asyncDispose]();
  });

  const paths = (): Record<string, string> => ({
    overview: '',
    upload: 'upload',
    join: 'join',
    runs: 'runs',
    'runs-none': 'runs?text=no+such+run',
    'run-success': `runs/${sample.run_id}`,
    'run-failed': `runs/${failed.run_id}`,
    'run-log': `runs/${sample.run_id}?log=shown`,
    'run-running': `runs/${waiting}`,
    datasets: 'datasets',
    dataset: `datasets/${asset.dataset_id}`,
    compare: `datasets/${asset.dataset_id}/compare`,
    asset: `assets/${asset.id}`,
    functions: 'functions',
    'function-logs': 'functions/load-to-postgis',
    'function-invoke': 'functions/load-to-postgis?tab=invoke',
    'function-settings': 'functions/load-to-postgis?tab=settings',
    'dead-letters': 'dead-letters',
    activity: 'activity',
    reconcile: 'reconcile',
    'not-found': 'no/such/page',
  });

  test.each(VIEWS)('every page is complete, accessible and quiet at %s', PAGES_TEST, async (view, options) => {
    await using watched = await openPage(browser, sluice.url, options);
    const found: string[] = [];
    // Only the contrast depends on the color scheme.
    const rules = options.colorScheme === 'dark' ? ['color-contrast'] : undefined;
    for (const [name, path] of Object.entries(paths())) {
      await watched.open(path);
      found.push(...(await watched.violations(rules)).map((violation) => `${name}: ${violation}`));
      const wider = await excessWidth(watched.page);
      if (wider > 0) found.push(`${name}: is ${wider} pixels wider than the screen`);
      await watched.page.screenshot({ path: join(SCREENSHOTS, `${name}-${view}.png`), fullPage: true });
    }
    expect([...found, ...watched.problems]).toEqual([]);
  });

  test('no page is wider than a screen of 1280 pixels', PAGES_TEST, async () => {
    await using watched = await openPage(browser, sluice.url, { ...DESKTOP, width: 1280, height: 800 });
    for (const [name, path] of Object.entries(paths())) {
      await watched.open(path);
      expect(await excessWidth(watched.page), name).toBe(0);
    }
    expect(watched.problems).toEqual([]);
  });

  test('numbers of the overview lead to their lists, and the URL holds the filter', async () => {
    await using watched = await openPage(browser, sluice.url, DESKTOP);
    const { page } = watched;
    await watched.open('');
    await page.getByRole('link', { name: /^Failed/ }).click();
    await page.getByRole('link', { name: 'streets-1' }).waitFor();
    expect(new URL(page.url()).searchParams.get('status')).toBe('failure');
    await page.getByLabel('Status').selectOption('success');
    await page.getByRole('link', { name: 'sample-countries' }).waitFor();
    await page.getByLabel('Search').fill('SAMPLE-c');
    await page.waitForURL(/text=SAMPLE-c/);
    await page.getByRole('link', { name: 'sample-countries' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(watched.problems).toEqual([]);
  });

  test('the page of a failed run names the error and the advice, and a rerun is followed to its end', async () => {
    await using watched = await openPage(browser, sluice.url, DESKTOP);
    const { page } = watched;
    await watched.open(`runs/${failed.run_id}`);
    const alert = page.getByRole('alert');
    expect(await alert.textContent()).toContain(failed.error?.message);
    expect(await alert.textContent()).toContain(failed.advice);
    await page.getByRole('button', { name: 'Show log' }).click();
    await page.getByRole('region', { name: 'Log lines' }).getByText('Run:End:Failure').first().waitFor();
    const manifest = await page.getByRole('link', { name: 'Open', exact: true }).getAttribute('href');
    expect(await get<{ batch_id: string }>(manifest ?? '')).toMatchObject({ batch_id: failed.batch_id });
    await page.getByRole('button', { name: 'Rerun', exact: true }).click();
    await page.waitForURL((at) => !at.pathname.endsWith(failed.run_id ?? ''));
    await page.locator('.page-summary .badge', { hasText: 'failure' }).waitFor();
    await page.getByRole('link', { name: failed.run_id?.slice(0, 8) ?? '' }).waitFor();
    expect(watched.problems).toEqual([]);
  });

  test('a comparison of ledger and lake names an unknown object, and what to do about it', async () => {
    await sluice.context.objects.put(sluice.env.LAKE_BUCKET, 'fremd é.txt', 'x');
    onTestFinished(() => sluice.context.objects.delete(sluice.env.LAKE_BUCKET, 'fremd é.txt'));
    await using watched = await openPage(browser, sluice.url, PHONE);
    const { page } = watched;
    await watched.open('reconcile');
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('cell', { name: 'fremd é.txt' }).waitFor();
    await page.getByText('belongs to no asset (1 bytes)').waitFor();
    expect(await watched.violations()).toEqual([]);
    await page.screenshot({ path: join(SCREENSHOTS, 'reconcile-differs.png'), fullPage: true });
    await sluice.context.objects.delete(sluice.env.LAKE_BUCKET, 'fremd é.txt');
    await page.getByLabel('Read every object').check();
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByText('Ledger and lake agree').waitFor();
    expect(watched.problems).toEqual([]);
  });

  test('a run is canceled only after the confirmation', async () => {
    const { run_id } = await admitBatch(sluice.context.ledger, { batchId: 'canceled' });
    await using watched = await openPage(browser, sluice.url, PHONE);
    const { page } = watched;
    await watched.open(`runs/${run_id}`);
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await watched.violations()).toEqual([]);
    await page.screenshot({ path: join(SCREENSHOTS, 'dialog-390-light.png') });
    await page.keyboard.press('Escape');
    expect((await get<RunView>(`/api/runs/${run_id}`)).status).toBe('running');
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click();
    await page.locator('.page-summary .badge', { hasText: 'canceled' }).waitFor();
    expect((await get<RunView>(`/api/runs/${run_id}`)).status).toBe('canceled');
    expect(watched.problems).toEqual([]);
  });

  test('several dead letters are discarded at once', async () => {
    await Promise.all([addDeadLetter('dead-letter-2'), addDeadLetter('dead-letter-3')]);
    await using watched = await openPage(browser, sluice.url, DESKTOP);
    const { page } = watched;
    await watched.open('dead-letters');
    await page.getByRole('checkbox', { name: 'Select all' }).check();
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
    await page.getByText('There is no dead letter.').waitFor();
    expect(await get<DeadLetterView[]>('/api/dead-letters')).toEqual([]);
    await page.screenshot({ path: join(SCREENSHOTS, 'dead-letters-none-1440-light.png') });
    expect(watched.problems).toEqual([]);
  });

  test('a function is called with the event of a run, and the answer is shown', async () => {
    await using watched = await openPage(browser, sluice.url, DESKTOP);
    const { page } = watched;
    await watched.open('functions/transform-recipe?tab=invoke');
    await page.getByText('This event started the step').waitFor();
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await page.getByText('HTTP 200').waitFor();
    expect(await page.getByRole('region', { name: 'Headers' }).textContent()).toContain('x-call-id');
    expect(await watched.violations()).toEqual([]);
    await page.screenshot({ path: join(SCREENSHOTS, 'function-answer-1440-light.png'), fullPage: true });
    expect(watched.problems).toEqual([]);
  });

  test('the keyboard reaches the content and the pages, and the choice of colors is kept', async () => {
    await using watched = await openPage(browser, sluice.url, DESKTOP);
    const { page } = watched;
    await watched.open('runs');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
    await page.getByLabel('Dark').check();
    await page.reload();
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
    expect(watched.problems).toEqual([]);
  });
});
