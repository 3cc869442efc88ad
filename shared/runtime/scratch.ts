import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Env } from '#shared/config/env.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';

/** The folder that contains the scratch folders of all claims. */
export function scratchRoot(env: Pick<Env, 'SCRATCH_DIR' | 'SLUICE_HOME'>): string {
  return resolve(env.SCRATCH_DIR ?? `${env.SLUICE_HOME}/scratch`);
}

/**
 * The name of the scratch folder of a claim. It contains the run, so that a folder of a killed process can be deleted.
 */
export function scratchName(claim: ClaimRef): string {
  return `${claim.runId}.${claim.step}.${claim.token}`;
}

/** The run_id in the name of a scratch folder; undefined for any other name. */
export function runOfScratch(name: string): string | undefined {
  return /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[a-z-]+\.\d+$/.exec(name)?.[1];
}

/**
 * Creates the scratch folder of a claim; disposing it deletes the folder. Deletes the folders of older claims of the
 * same step first: their workers are dead, or their results will be rejected.
 */
export async function openScratch(
  env: Pick<Env, 'SCRATCH_DIR' | 'SLUICE_HOME'>,
  claim: ClaimRef,
): Promise<{ folder: string } & AsyncDisposable> {
  const root = scratchRoot(env);
  await mkdir(root, { recursive: true });
  const ofStep = `${claim.runId}.${claim.step}.`;
  const older = (await readdir(root)).filter(
    (name) => name.startsWith(ofStep) && Number(name.slice(ofStep.length)) <= claim.token,
  );
  await Promise.all(older.map((name) => rm(join(root, name), { recursive: true, force: true })));
  const folder = join(root, scratchName(claim));
  await mkdir(folder);
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
