import { z } from 'zod';
import { activityOf } from '#shared/ledger/activity.ts';
import type { ActivityDocument } from '#shared/ledger/documents.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { isUpload, uploadedManifestKey } from '#shared/landing/manifest-upload.ts';
import type { GatewayDeps } from './deps.ts';
import type { DeadLetter } from '../router/dead-letter-event.ts';
import { type DeadLetterFacts, redriveRefusal } from './redrive-check.ts';

type Parts = Pick<GatewayDeps, 'router' | 'ledger' | 'objects' | 'env'>;

/** A dead letter with what a person can do about it. */
export interface JudgedDeadLetter extends DeadLetter {
  run_id: string | null;
  /** False when delivering it again would do nothing; `advice` says why, and what to do. */
  redrivable: boolean;
  advice: string | null;
}

/** The dead letters, newest first. */
export async function listDeadLetters(
  parts: Parts,
  page: { limit: number; offset: number },
): Promise<JudgedDeadLetter[]> {
  return Promise.all(
    (await parts.router.listDeadLetters(page.limit, page.offset)).map((letter) => judged(letter, parts)),
  );
}

export async function getDeadLetter(id: string, parts: Parts): Promise<JudgedDeadLetter> {
  return judged(await parts.router.getDeadLetter(id), parts);
}

/**
 * Delivers it again, in the name of the operator. Throws DEAD_LETTER_NOT_FOUND, and what redriveRefusal says when that would do nothing:
 * it stays on the list then.
 */
export async function redriveDeadLetter(id: string, operator: string, parts: Parts): Promise<DeadLetter> {
  const letter = await parts.router.getDeadLetter(id);
  const refusal = redriveRefusal(letter, await factsOf(letter, parts));
  if (refusal !== undefined) throw refusal;
  await note('dead_letter_redriven', letter, operator, parts);
  return parts.router.redrive(id);
}

/** Takes it off the list, in the name of the operator. Throws DEAD_LETTER_NOT_FOUND. */
export async function discardDeadLetter(id: string, operator: string, parts: Parts): Promise<DeadLetter> {
  await note('dead_letter_discarded', await parts.router.getDeadLetter(id), operator, parts);
  return parts.router.discard(id);
}

/** Written before the act: a crash between the two may leave a line too many, but never an act that nobody answers for. */
async function note(
  activity: ActivityDocument['activity'],
  letter: DeadLetter,
  operator: string,
  { ledger }: Parts,
): Promise<void> {
  const runId = runIdOf(letter.event);
  const run = runId === undefined ? undefined : await ledger.getRun(runId);
  const act = activity === 'dead_letter_redriven' ? 'sent the dead letter of' : 'discarded the dead letter of';
  await ledger.appendActivity(
    activityOf(
      {
        activity,
        operator,
        run_id: run?.run_id ?? null,
        batch_id: run?.batch_id ?? null,
        message: `${operator} ${act} ${letter.function} (${letter.event.type})${activity === 'dead_letter_redriven' ? ' again' : ''}.`,
        details: {
          dead_letter_id: letter.id,
          function: letter.function,
          event_id: letter.event.id,
          event_type: letter.event.type,
          error: letter.error,
        },
      },
      letter.id,
      operator,
    ),
  );
}

async function judged(letter: DeadLetter, parts: Parts): Promise<JudgedDeadLetter> {
  const refusal = redriveRefusal(letter, await factsOf(letter, parts));
  return {
    ...letter,
    run_id: runIdOf(letter.event) ?? null,
    redrivable: refusal === undefined,
    advice: refusal?.message ?? null,
  };
}

async function factsOf({ event }: DeadLetter, { ledger, objects, env }: Parts): Promise<DeadLetterFacts> {
  const runId = runIdOf(event);
  const manifestKey = manifestKeyOf(event, env);
  const [run, head] = await Promise.all([
    runId === undefined ? undefined : ledger.getRun(runId),
    manifestKey === undefined ? undefined : objects.head(env.LANDING_BUCKET, manifestKey),
  ]);
  return { run, manifestKey, manifestWaits: head !== undefined };
}

const AboutRun = z.looseObject({ run_id: z.uuid() });

function runIdOf({ data }: SluiceEvent): string | undefined {
  return AboutRun.safeParse(data).data?.run_id;
}

/** Undefined also for a notification that nobody can read. */
function manifestKeyOf(event: SluiceEvent, env: Parts['env']): string | undefined {
  if (!isUpload(event)) return undefined;
  try {
    return uploadedManifestKey(event, env);
  } catch (thrown) {
    if (thrown instanceof SluiceError) return undefined;
    throw thrown;
  }
}
