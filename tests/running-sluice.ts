import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publicUrl } from '#shared/config/env.ts';
import { type RunningSluice, startSluice } from '../gateway/start-sluice.ts';
import { controlVariables, createDatabase, testEnv } from './servers.ts';

export interface TestSluice extends RunningSluice, AsyncDisposable {
  url: string;
}

/** Starts a complete Sluice on free ports, with the embedded object store and new databases in the test cluster. */
export async function startTestSluice(variables: Record<string, string> = {}): Promise<TestSluice> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-home-'));
  const [control, spatial] = await Promise.all([createDatabase(), createDatabase({ postgis: true })]);
  const sluice = await startSluice(
    testEnv({
      SLUICE_HOME: home,
      PORT: '0',
      S3_EMBEDDED_PORT: '0',
      ...controlVariables(control.url),
      POSTGIS_URL: spatial.url,
      ...variables,
    }),
  );
  return {
    ...sluice,
    url: publicUrl(sluice.env),
    [Symbol.asyncDispose]: async () => {
      await sluice.stop();
      await Promise.allSettled([control.drop(), spatial.drop(), rm(home, { recursive: true, force: true })]);
    },
  };
}
