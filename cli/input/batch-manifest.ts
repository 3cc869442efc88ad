import type { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type BatchMoment, batchNames } from '#shared/landing/batch-names.ts';
import { fieldsWithoutEffect } from '#shared/manifest/field-effects.ts';
import { DATASET_ID, type Manifest, ManifestSchema } from '#shared/manifest/manifest.ts';
import { DESCRIBED, describeIssue, fieldPath, pathsOf } from '#shared/text/describe-issue.ts';
import { printable } from '#shared/text/visible-text.ts';

/** The options of every command that uploads a manifest. */
export interface BatchOptions {
  dataset: string;
  project?: string | undefined;
  description?: string | undefined;
  /** Create a new version even if one of the same input exists. */
  force?: boolean | undefined;
  keepVersions?: number | undefined;
  /** START or START/END, as in ISO 8601. */
  time?: string | undefined;
  uploader: string;
  batchId?: string | undefined;
}

/** The names of a batch. Throws REQUEST_INVALID for an invalid dataset name. */
export function namesOf({ dataset, batchId }: BatchOptions, moment: BatchMoment): { batchId: string; folder: string } {
  const issue = DATASET_ID.safeParse(dataset).error?.issues[0];
  if (issue !== undefined)
    throw new SluiceError(
      'REQUEST_INVALID',
      `--dataset ${printable(JSON.stringify(dataset))} ${describeIssue(issue)}.`,
      { details: { option: '--dataset' } },
    );
  return batchNames({ dataset, requested: batchId }, moment);
}

/** The `metadata` fields of these options. */
export function batchMetadata({ project, description, dataset, force, keepVersions, time }: BatchOptions) {
  const tags = { dataset_id: dataset };
  return definedFields({ project, description, tags, force, keep_versions: keepVersions, time: parseTime(time) });
}

function parseTime(text: string | undefined): { start: string; end?: string } | undefined {
  if (text === undefined) return undefined;
  const [start = '', ...end] = text.split('/');
  return { start, ...(end.length === 0 ? {} : { end: end.join('/') }) };
}

/** Removes the fields without a value. */
export function definedFields<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

/** The command-line option for each manifest field, for messages. */
export const OPTIONS: Record<string, string> = {
  batch_id: '--batch-id',
  uploader: '--uploader',
  intent: '--intent',
  project: '--project',
  description: '--description',
  x_column: '--x-column',
  y_column: '--y-column',
  wkt_column: '--wkt-column',
  spatial_asset_id: 'the spatial asset',
  tabular_asset_id: 'the table',
  left_key: '--on',
  right_key: '--on',
  time: '--time',
  start: '--time',
  end: '--time',
  target_crs: '--target-crs',
  decimal_separator: '--decimal',
  thousands_separator: '--thousands',
  date_format: '--date-format',
  header: '--header',
  skip_lines: '--skip-lines',
  null_values: '--null',
  'tabular.columns': '--column-type',
  allow_duplicate_keys: '--allow-duplicates',
  max_rejected_rows: '--max-rejected',
};

/** Validates a manifest and adds its defaults. Throws REQUEST_INVALID with the name of the wrong option. */
export function validManifest(manifest: unknown): Manifest {
  const result = ManifestSchema.safeParse(manifest, DESCRIBED);
  if (result.success) return withoutUnused(result.data);
  const issue = result.error.issues[0] as z.core.$ZodIssue; // A failed parse has at least one issue.
  const field = String(issue.path.findLast((part) => typeof part === 'string') ?? '');
  if (issue.path[1] === 'recipe') throw invalidRecipe(issue);
  const option = OPTIONS[field] ?? `--${field}`;
  const last = issue.path.at(-1);
  const entry = typeof last === 'number' ? `entry ${last + 1} of ` : '';
  throw new SluiceError(
    'REQUEST_INVALID',
    `${entry}${field === 'path' ? 'A file name' : option} ${describeIssue(issue)}.`,
    { details: { option } },
  );
}

/** Throws REQUEST_INVALID for an option without an effect. */
function withoutUnused(manifest: Manifest): Manifest {
  const [unused] = fieldsWithoutEffect(manifest, manifest.files[0]?.type ?? 'join');
  if (unused === undefined) return manifest;
  const [, group, name] = /^metadata\.(\w+)(?:\.(\w+))?$/.exec(unused.field) ?? [];
  const first = Object.keys(manifest.metadata[group as 'raster' | 'tabular'] ?? {})[0];
  const field = name ?? (group === 'raster' || group === 'tabular' ? first : group) ?? unused.field.split('.').at(-1);
  const option = OPTIONS[`${group}.${field}`] ?? OPTIONS[field ?? ''] ?? `--${field}`;
  throw new SluiceError('REQUEST_INVALID', `${option} ${unused.message}.`, { details: { option } });
}

function invalidRecipe(issue: z.core.$ZodIssue): SluiceError {
  const [path = []] = pathsOf(issue);
  const field = fieldPath(path.slice(2));
  return new SluiceError('REQUEST_INVALID', `--recipe: ${field} ${describeIssue(issue)}.`, {
    details: { option: '--recipe', field },
  });
}
