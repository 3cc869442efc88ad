import { Hono } from 'hono';
import { z } from 'zod';
import type { DeadLetter, DeadLetterView } from '#shared/api/views.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { isUploadEvent, uploadedManifestKey } from '#shared/landing/notifications.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { activityOf } from '#shared/ledger/activity.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import type { GatewayDeps } from '../deps.ts';
import { noQuery, operatorOf, PAGE, parseQuery } from '../http/request-fields.ts';

const DeadLettersQuery = z.strictObject(PAGE);

/**
 * Dead letters. An unknown id is 404 DEAD_LETTER_NOT_FOUND.
 *
 * GET /api/dead-letters?limit&offset returns DeadLetterView[], newest first.
 * GET /api/dead-letters/:id returns a DeadLetterView.
 * POST /api/dead-letters/:id/redrive publishes the event again and returns the DeadLetter; 409 RUN_CLOSED or
 * MANIFEST_GONE if that would have no effect.
 * DELETE /api/dead-letters/:id, or POST /api/dead-letters/:id/discard, deletes the dead letter and returns it.
 */
export function deadLetterRoutes(deps: GatewayDeps): Hono {
  return new Hono()
    .get('/api/dead-letters', async (c) => c.json(await listDeadLetters(deps, parseQuery(DeadLettersQuery, c))))
    .get('/api/dead-letters/:id', noQuery, async (c) => c.json(await getDeadLetter(c.req.param('id'), deps)))
    .post('/api/dead-letters/:id/redrive', noQuery, async (c) =>
      c.json(await redriveDeadLetter(c.req.param('id'), operatorOf(c), deps)),
    )
    .post('/api/dead-letters/:id/discard', noQuery, async (c) =>
      c.json(await discardDeadLetter(c.req.param('id'), operatorOf(c), deps)),
    )
    .delete('/api/dead-letters/:id', noQuery, async (c) =>
      c.json(await discardDeadLetter(c.req.param('id'), operatorOf(c), deps)),
    );
}

type Deps = Pick<GatewayDeps, 'router' | 'ledger' | 'objects' | 'env'>;

/** The dead letters, newest first. */
async function listDeadLetters(deps: Deps, page: { limit: number; offset: number }): Promise<DeadLetterView[]> {
  const letters = await deps.router.listDeadLetters(page.limit, page.offset);
  return Promise.all(letters.map((letter) => viewOf(letter, deps)));
}

/** Returns one dead letter. Throws DEAD_LETTER_NOT_FOUND. */
async function getDeadLetter(id: string, deps: Deps): Promise<DeadLetterView> {
  return viewOf(await deps.router.getDeadLetter(id), deps);
}

/**
 * Delivers the event again and logs the activity of the operator. Throws DEAD_LETTER_NOT_FOUND, or the error of
 * `redriveRejection` if that would have no effect; the dead letter is kept then.
 */
async function redriveDeadLetter(id: string, operator: string, deps: Deps): Promise<DeadLetter> {
  const letter = await deps.router.getDeadLetter(id);
  const rejection = redriveRejection(letter, await factsOf(letter, deps));
  if (rejection !== undefined) throw rejection;
  await logActivity('dead_letter_redriven', letter, operator, deps);
  return deps.router.redrive(id);
}

/** Deletes the dead letter and logs the activity of the operator. Throws DEAD_LETTER_NOT_FOUND. */
async function discardDeadLetter(id: string, operator: string, deps: Deps): Promise<DeadLetter> {
  await logActivity('dead_letter_discarded', await deps.router.getDeadLetter(id), operator, deps);
  return deps.router.discard(id);
}

const VERBS = { dead_letter_redriven: 're-drove', dead_letter_discarded: 'discarded' } as const;

/** Call it before the action: a crash between the two can leave an extra entry, but no action without an entry. */
async function logActivity(
  activity: keyof typeof VERBS,
  letter: DeadLetter,
  operator: string,
  { ledger }: Deps,
): Promise<void> {
  const runId = runIdOf(letter.event);
  const run = runId === undefined ? undefined : await ledger.getRun(runId);
  const document = {
    activity,
    operator,
    run_id: run?.run_id ?? null,
    batch_id: run?.batch_id ?? null,
    message: `${operator} ${VERBS[activity]} the dead letter of ${letter.function} (${letter.event.type}).`,
    details: {
      dead_letter_id: letter.id,
      function: letter.function,
      event_id: letter.event.id,
      event_type: letter.event.type,
      error: letter.error,
    },
  };
  await ledger.appendActivity(activityOf(document, letter.id, operator));
}

async function viewOf(letter: DeadLetter, deps: Deps): Promise<DeadLetterView> {
  const rejection = redriveRejection(letter, await factsOf(letter, deps));
  return {
    ...letter,
    run_id: runIdOf(letter.event) ?? null,
    redrivable: rejection === undefined,
    advice: rejection?.message ?? null,
  };
}

async function factsOf({ event }: DeadLetter, { ledger, objects, env }: Deps): Promise<RedriveFacts> {
  const runId = runIdOf(event);
  const manifestKey = manifestKeyOfUpload(event, env);
  const [run, manifest] = await Promise.all([
    runId === undefined ? undefined : ledger.getRun(runId),
    manifestKey === undefined ? undefined : objects.head(env.LANDING_BUCKET, manifestKey),
  ]);
  return { run, manifestKey, manifestExists: manifest !== undefined };
}

const RunEventData = z.looseObject({ run_id: z.uuid() });

function runIdOf({ data }: SluiceEvent): string | undefined {
  return RunEventData.safeParse(data).data?.run_id;
}

/** The key of the manifest that an upload event names. Undefined for other events and for an invalid notification. */
function manifestKeyOfUpload(event: SluiceEvent, env: Deps['env']): string | undefined {
  if (!isUploadEvent(event)) return undefined;
  try {
    return uploadedManifestKey(event, env);
  } catch (thrown) {
    if (thrown instanceof SluiceError) return undefined;
    throw thrown;
  }
}

/** The state of the ledger and the landing zone that decides whether a dead letter can be re-driven. */
export interface RedriveFacts {
  /** The run that the event is about, if any. */
  run: Pick<RunDocument, 'run_id' | 'status' | 'steps'> | undefined;
  /** Key of the uploaded manifest, if the event is the notification of an upload. */
  manifestKey: string | undefined;
  /** Whether that manifest is still in the landing zone. */
  manifestExists: boolean;
}

/**
 * The reason why a re-drive would have no effect, with the action to take; undefined if it can have an effect. The
 * ledger rejects all steps of a run that has ended, except an archive step that is not done.
 */
export function redriveRejection(
  letter: Pick<DeadLetter, 'id' | 'function'>,
  { run, manifestKey, manifestExists }: RedriveFacts,
): SluiceError | undefined {
  if (run !== undefined && run.status !== 'running') return rejectionOfEndedRun(letter, run);
  if (manifestKey === undefined || manifestExists) return undefined;
  return new SluiceError(
    'MANIFEST_GONE',
    `Manifest ${manifestKey} is no longer in the landing zone. Upload it again, then discard this dead letter.`,
    { details: { id: letter.id, manifest_key: manifestKey } },
  );
}

function rejectionOfEndedRun(
  { id, function: name }: Pick<DeadLetter, 'id' | 'function'>,
  run: NonNullable<RedriveFacts['run']>,
): SluiceError | undefined {
  if (name === 'archive' && !isArchived(run)) return undefined;
  const message =
    name === 'archive'
      ? `Run ${run.run_id} is archived. Discard this dead letter.`
      : `Run ${run.run_id} has ended (${run.status}), so ${name} would reject the event. ` +
        `Rerun it instead: npx sluice rerun ${run.run_id}`;
  const details = { id, run_id: run.run_id, status: run.status, function: name };
  return new SluiceError('RUN_CLOSED', message, { details });
}
