import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../gateway/access/password-hash.ts';
import { writeUsersFile } from '../../gateway/access/users-file.ts';
import { admitBatch } from '../fixtures/documents.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';
import { browserProblem, startChromium } from './chromium.ts';
import { openPage } from './watched-page.ts';

/** The login in a browser, as a user who may only view. */

const PASSWORD = 'correct horse battery';
const PHONE = { width: 390, height: 844, colorScheme: 'dark' } as const;
const SCREENSHOTS = join(import.meta.dirname, '../../.cache/screenshots');
const problem = browserProblem();

describe.skipIf(problem !== undefined)(problem ?? 'the login', () => {
  let sluice: TestSluice;
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-login-'));

  beforeAll(async () => {
    const file = join(folder, 'users.json');
    writeUsersFile(file, [{ name: 'vera', role: 'viewer', password: await hashPassword(PASSWORD), tokens: [] }]);
    mkdirSync(SCREENSHOTS, { recursive: true });
    [sluice, browser] = await Promise.all([startTestSluice({ SLUICE_USERS_FILE: file }), startChromium()]);
  });
  afterAll(async () => {
    await browser?.close();
    await sluice?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('returns to the requested page; a viewer cannot cancel a run; the logout ends the session', async () => {
    const { run_id } = await admitBatch(sluice.context.ledger, { batchId: 'of another user' });
    await using watched = await openPage(browser, sluice.url, PHONE);
    const { page, problems } = watched;
    await page.goto(`${sluice.url}/ui/runs/${run_id}?from=a+link`);
    expect(new URL(page.url()).pathname).toBe('/login');
    expect(await watched.violations()).toEqual([]);
    await page.screenshot({ path: join(SCREENSHOTS, 'login-390-dark.png') });

    await page.getByLabel('User').fill('vera');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').waitFor();
    expect(problems.splice(0)).toEqual([expect.stringContaining('401')]);

    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL(`${sluice.url}/ui/runs/${run_id}?from=a+link`);
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click();
    await page.getByText('requires the role operator').first().waitFor();
    expect((await sluice.context.ledger.getRun(run_id))?.status).toBe('running');
    expect(problems.splice(0)).toEqual([expect.stringContaining('403')]);

    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByText('vera viewer').waitFor();
    await page.screenshot({ path: join(SCREENSHOTS, 'account-390-dark.png') });
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForURL(`${sluice.url}/login`);
    await page.goBack();
    await page.waitForURL(`${sluice.url}/login?**`);
    expect(problems.every((each) => each.includes('401'))).toBe(true);
  });
});
