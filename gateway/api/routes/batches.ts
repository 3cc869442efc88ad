import { createHash, randomBytes } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import type { BatchCheckView, BatchView, ManifestOptionsView } from '#shared/api/views.ts';
import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { RASTER_FORMATS } from '#shared/formats/raster-formats.ts';
import { TABLE_FORMATS } from '#shared/formats/table-formats.ts';
import { VECTOR_FORMATS } from '#shared/formats/vector-formats.ts';
import { type BatchMoment, batchNames } from '#shared/landing/batch-names.ts';
import { type Draft, DraftSchema, manifestOfDraft } from '#shared/landing/draft-manifest.ts';
import { invalidManifest } from '#shared/manifest/invalid-manifest.ts';
import { RasterParametersSchema, TabularParametersSchema } from '#shared/manifest/manifest.ts';
import { RecipeParametersSchema } from '#shared/recipes/parameters/recipe-parameters.ts';
import { ALL_RECIPES, STEP_DEFINITIONS } from '#shared/recipes/registry.ts';
import type { GatewayDeps } from '../deps.ts';
import { principalOf } from '../http/principal.ts';
import { recordUserActivity } from '../http/record-activity.ts';
import { noQuery, operatorOf, readJson } from '../http/request-fields.ts';

/** A draft has at most 1,000 files and 50 recipe steps. */
const MAX_DRAFT_BYTES = 2 ** 20;
/** Two batches of the same second differ in these bytes. */
const RANDOM_BYTES = 3;
/** Two drafts with the same request_id differ in these digits of their hash. */
const HASH_DIGITS = 12;

const StartSchema = DraftSchema.extend({ request_id: z.uuidv7().optional() });

/**
 * Starts a run for files that were uploaded to the landing zone. A draft (DraftSchema) has the fields that a user sets;
 * the gateway adds `batch_id` and, for users who have logged in, `uploader`.
 *
 * POST /api/batches/check returns a BatchCheckView for a draft, and stores nothing.
 * POST /api/batches uploads the manifest of a draft, which starts the run, and returns 201 with a BatchView. An invalid
 * draft is 422 MANIFEST_INVALID. With `request_id`, a UUID of version 7, a client can repeat the request: the same
 * draft with the same request_id starts one run.
 * GET /api/manifest-options returns a ManifestOptionsView.
 */
export function batchRoutes(deps: Pick<GatewayDeps, 'env' | 'objects' | 'ledger'>): Hono {
  return new Hono()
    .post('/api/batches/check', noQuery, async (c) => {
      const { issues } = planDraft(c, await readJson(c.req.raw, DraftSchema, MAX_DRAFT_BYTES), newMoment());
      return c.json({ issues } satisfies BatchCheckView);
    })
    .post('/api/batches', noQuery, async (c) => {
      const { request_id, ...draft } = await readJson(c.req.raw, StartSchema, MAX_DRAFT_BYTES);
      const planned = planDraft(c, draft, request_id === undefined ? newMoment() : momentOf(request_id, draft));
      return c.json(await uploadManifest(c, planned, deps), 201);
    })
    .get('/api/manifest-options', noQuery, (c) => c.json(MANIFEST_OPTIONS));
}

function newMoment(): BatchMoment {
  return { now: new Date(), random: randomBytes(RANDOM_BYTES).toString('hex') };
}

/** The same names for the same request. A UUID of version 7 begins with its time in milliseconds (RFC 9562). */
function momentOf(requestId: string, draft: Draft): BatchMoment {
  const milliseconds = Number.parseInt(requestId.replace('-', '').slice(0, 12), 16);
  const hash = createHash('sha256')
    .update(JSON.stringify([requestId, draft]))
    .digest('hex');
  return { now: new Date(milliseconds), random: hash.slice(0, HASH_DIGITS) };
}

function planDraft(c: Context, draft: Draft, moment: BatchMoment) {
  const names = batchNames({ dataset: draft.dataset_id }, moment);
  const uploader = principalOf(c)?.name ?? draft.uploader ?? operatorOf(c);
  return { ...names, ...manifestOfDraft(draft, { batchId: names.batchId, uploader }) };
}

async function uploadManifest(
  c: Context,
  { manifest, issues, count, batchId, folder }: ReturnType<typeof planDraft>,
  { env, objects, ledger }: Pick<GatewayDeps, 'env' | 'objects' | 'ledger'>,
): Promise<BatchView> {
  if (manifest === undefined) throw invalidManifest(issues, count);
  const key = manifestKeyOf(folder);
  const view = { batch_id: batchId, manifest_key: key };
  // Only a repeated request finds them. A second upload would be a second run if the manifest has been archived.
  if (await objects.head(env.LANDING_BUCKET, key)) return view;
  if ((await ledger.findManifestsByKey(key)).length > 0) return view;
  const body = `${JSON.stringify(manifest, undefined, 2)}\n`;
  const path = `s3://${env.LANDING_BUCKET}/${key}`;
  const details = { path, size_bytes: Buffer.byteLength(body) };
  await recordUserActivity(c, ledger, { activity: 'file_uploaded', did: `uploaded ${path}`, details });
  await objects.put(env.LANDING_BUCKET, key, body, { contentType: 'application/json' });
  return view;
}

const MANIFEST_OPTIONS: ManifestOptionsView = {
  formats: { vector: namesOf(VECTOR_FORMATS), raster: namesOf(RASTER_FORMATS), tabular: namesOf(TABLE_FORMATS) },
  recipes: ALL_RECIPES.map(({ name, summary }) => ({ intent: name === 'default' ? null : name, summary })),
  recipe: jsonSchema(RecipeParametersSchema.omit({ steps: true })),
  steps: STEP_DEFINITIONS.map(({ name, summary, schema }) => ({ name, summary, schema: jsonSchema(schema) })),
  raster: jsonSchema(RasterParametersSchema),
  tabular: jsonSchema(TabularParametersSchema),
};

function namesOf(formats: readonly { name: string }[]): string[] {
  return formats.map(({ name }) => name);
}

function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { io: 'input' });
}
