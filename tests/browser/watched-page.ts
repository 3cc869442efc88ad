import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';

/** A page of the dashboard, with what a user must never see. */

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Without a GPU, a busy machine draws a map in several seconds. */
const MAP_MS = 45_000;

export interface PageOptions {
  width: number;
  height: number;
  colorScheme: 'light' | 'dark';
}

export interface WatchedPage extends AsyncDisposable {
  page: Page;
  /** Errors of the console and of scripts, and requests to other servers. */
  problems: string[];
  /** Opens a path below /ui/, and waits until its data is shown. */
  open(path: string): Promise<void>;
  /** The violations that axe-core finds, with the elements. `rules` are all by default. */
  violations(rules?: string[]): Promise<string[]>;
}

export async function openPage(browser: Browser, url: string, options: PageOptions): Promise<WatchedPage> {
  const { width, height, colorScheme } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`) && !/^(?:data|blob):/.test(request.url()))
      problems.push(`request: ${request.url()}`);
  });
  return {
    page,
    problems,
    async open(path) {
      await page.goto(`${url}/ui/${path}`);
      await page.locator('h1').waitFor();
      await page.locator('.loading').first().waitFor({ state: 'detached' });
      await page.locator('.map-loading').waitFor({ state: 'detached' });
      await page.locator('.map[data-complete=false]').waitFor({ state: 'detached', timeout: MAP_MS });
    },
    violations: (rules) => findViolations(page, rules),
    [Symbol.asyncDispose]: () => context.close(),
  };
}

interface AxeResult {
  violations: { id: string; help: string; nodes: { html: string }[] }[];
}

/** Evaluated over the debugger, which the Content-Security-Policy does not restrict. */
async function findViolations(page: Page, rules: string[] | undefined): Promise<string[]> {
  const options = { resultTypes: ['violations'], ...(rules && { runOnly: rules }) };
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResult>(`axe.run(document, ${JSON.stringify(options)})`);
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
}
