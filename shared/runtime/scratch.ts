import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Env } from '#shared/config/env.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from './context.ts';

/** The folder that contains the scratch folders of all claims. */
export function scratchRoot(env: Pick<Env, 'SCRATCH_DIR' | 'SLUICE_HOME'>): string {
  return resolve(env.SCRATCH_DIR ?? `${env.SLUICE_HOME}/scratch`);
}

/** The name of the scratch folder of a claim, from which a folder of a killed process is recognized. */
export function scratchName(claim: ClaimRef): string {
  return `${claim.runId}.${claim.step}.${claim.token}`;
}

/** The claim in the name of a scratch folder; undefined for any other name. */
export function claimOfScratch(name: string): ClaimRef | undefined {
  const [, runId, step, token] = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([a-z-]+)\.(\d+)$/.exec(name) ?? [];
  if (runId === undefined || step === undefined) return undefined;
  return { runId, step: step as ClaimRef['step'], token: Number(token) };
}

/**
 * Creates the scratch folder of a claim; disposing it deletes the folder. Deletes the folders of older claims of the
 * same step first: their workers have ended, or their results will be rejected.
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

const INSPECTION_PREFIX = 'inspection.';
/** Five times the time limit of an inspection. A folder that is older was left by a process that was killed. */
const MAX_INSPECTION_AGE_MS = 600_000;

/** Creates the scratch folder of an inspection, which has no claim; disposing it deletes the folder. */
export async function openInspectionFolder(
  env: Pick<Env, 'SCRATCH_DIR' | 'SLUICE_HOME'>,
): Promise<{ folder: string } & AsyncDisposable> {
  const folder = join(scratchRoot(env), `${INSPECTION_PREFIX}${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * Deletes the scratch folders that killed processes left: those whose claim is not current, so that its results would
 * be rejected, and those of inspections that are older than MAX_INSPECTION_AGE_MS. Other processes may use the same
 * root. Folders of unknown runs are kept. Returns the number of deleted folders.
 */
export async function deleteScratchFolders({
  env,
  ledger,
  log,
}: Pick<Context, 'env' | 'ledger' | 'log'>): Promise<number> {
  const root = scratchRoot(env);
  let deleted = 0;
  for (const name of await readdir(root).catch(() => [])) {
    if (!(await isLeft(name, root, ledger))) continue;
    await rm(join(root, name), { recursive: true, force: true });
    log.warn({ run_id: claimOfScratch(name)?.runId, folder: name }, 'Scratch:Delete:Done');
    deleted += 1;
  }
  return deleted;
}

async function isLeft(name: string, root: string, ledger: Context['ledger']): Promise<boolean> {
  if (name.startsWith(INSPECTION_PREFIX)) {
    const found = await stat(join(root, name)).catch(() => undefined); // The inspection may have deleted it meanwhile.
    return found !== undefined && Date.now() - found.mtimeMs > MAX_INSPECTION_AGE_MS;
  }
  const claim = claimOfScratch(name);
  const run = claim && (await ledger.getRun(claim.runId));
  return claim !== undefined && run !== undefined && !isCurrent(claim, run);
}

function isCurrent({ step, token }: ClaimRef, run: RunDocument): boolean {
  return (
    run.status === 'running' &&
    run.steps.some((each) => each.name === step && each.token === token && each.status === 'running')
  );
}
