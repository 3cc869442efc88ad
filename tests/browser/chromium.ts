import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

/** Debian's Chromium, for the tests of the dashboard. */

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const DASHBOARD = join(import.meta.dirname, '../../dashboard/dist/index.html');

/** Why the tests of the dashboard cannot run; undefined if they can. */
export function browserProblem(): string | undefined {
  if (chromiumPath() === undefined) return 'needs Chromium: apt-get install chromium, or set CHROMIUM_BIN';
  return existsSync(DASHBOARD) ? undefined : 'needs the built dashboard: npm run setup';
}

function chromiumPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const candidates = [
    process.env.CHROMIUM_BIN,
    ...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))),
  ];
  return candidates.find((path) => path !== undefined && path !== '' && isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Chromium has no sandbox for root, and in containers only a small /dev/shm. SwiftShader draws maps without a GPU. */
export function startChromium(): Promise<Browser> {
  const drawing = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--force-color-profile=srgb'];
  const args = ['--no-sandbox', '--disable-dev-shm-usage', ...drawing];
  return chromium.launch({ executablePath: chromiumPath() ?? '', args });
}
