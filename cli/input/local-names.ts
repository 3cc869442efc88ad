import { relative } from 'node:path';
import type { RunView } from '#shared/api/views.ts';
import type { Batch } from './batch.ts';
import { OPTIONS } from './batch-manifest.ts';

/**
 * Errors and notes of a run name objects of the landing zone and fields of the manifest. `sluice ingest` and `sluice
 * join` write the manifest, so their user knows only files and options.
 */

/** The uploads and the manifest of a batch. */
type Names = Pick<Batch, 'uploads' | 'manifest'>;

/** Fields of a file in the manifest. A "`crs` member" is one of GeoJSON. */
const FILE_FIELD =
  /`(?:files\[\d*\]\.)?(crs|layer|encoding|format)`(?! member)|`?\b(x_column|y_column|wkt_column)\b`?/g;
const METADATA_FIELD = /`?metadata\.(tabular|raster|join_config|recipe)(?:\.([a-z_]+))?`?/g;
/** The type of one column. */
const COLUMN_TYPE = /metadata\.tabular\.columns: \{("(?:[^"\\]|\\.)*"): "(\w+)"\}/g;
/** The place of a field in the manifest, after its option. */
const PLACE = /(?<!-)(--[a-z][a-z-]*),? (?:(?:for|of) (?:the|each) file ?)?(?:in the manifest)?(?=[\s.,;:)]|$)/g;
/** An option that a message names in addition to the field. */
const REPEATED = /(?<!-)(--[a-z][a-z-]*), \1\b/g;
/** The error CRS_MISSING of `chooseCrs`, which a test passes to `withOptions`. */
const CRS_NOWHERE = /\bNeither (.+?) nor the manifest contains a coordinate reference system/g;
const UPLOAD_AGAIN = /upload (?:it|the (?:file|manifest)) again/g;

/** The run with local paths and options in its error and in the notes of its assets. */
export function withLocalNames(run: RunView, batch: Names): RunView {
  const paths = pathsOf(batch);
  const reword = (text: string) => withOptions(withPaths(text, paths));
  const { error } = run;
  const assets = run.assets.map((asset) => ({
    ...asset,
    quality: {
      ...asset.quality,
      notes: asset.quality.notes.map((note) => ({ ...note, message: reword(note.message) })),
    },
  }));
  return {
    ...run,
    assets,
    error: error && { ...error, message: reword(error.message), details: localDetails(error.details, paths) },
  };
}

/** A text with options in place of the fields of the manifest, and with the command in place of an upload. */
export function withOptions(text: string): string {
  return text
    .replaceAll(FILE_FIELD, (_match, field?: string, column?: string) => optionOf(field ?? column ?? ''))
    .replaceAll(COLUMN_TYPE, (_match, column: string, type: string) => columnTypeOption(column, type))
    .replaceAll(METADATA_FIELD, (_match, group: string, field?: string) => optionIn(group, field))
    .replaceAll(/\bthe intent (ingest_[a-z]+)/g, '--intent $1')
    .replaceAll(PLACE, '$1')
    .replaceAll(REPEATED, '$1')
    .replaceAll(CRS_NOWHERE, '$1 contains no coordinate reference system, and --crs is not set')
    .replaceAll(UPLOAD_AGAIN, 'run the command again');
}

/** The path of a file as the user would write it. */
export function localPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}

/** The details that name a place: `file` and `field`. */
function localDetails(details: Record<string, unknown>, paths: LocalPaths): Record<string, unknown> {
  const { file, field } = details;
  return {
    ...details,
    ...(typeof file === 'string' ? { file: withPaths(file, paths) } : {}),
    ...(typeof field === 'string' ? { field: optionOfField(field) } : {}),
  };
}

/** `files[0].crs` and `metadata.tabular.delimiter` have an option; other fields are unchanged. */
function optionOfField(field: string): string {
  const [, group, name] = /^metadata\.(tabular|raster|join_config|recipe)(?:\.([\w.[\]]+))?$/.exec(field) ?? [];
  if (group !== undefined) return optionIn(group, name);
  const ofFile = /^files\[\d*\]\.(\w+)$/.exec(field)?.[1];
  return ofFile === undefined ? field : optionOf(ofFile);
}

function optionIn(group: string, field: string | undefined): string {
  if (group === 'recipe') return field === undefined ? '--recipe' : `--recipe: ${field}`;
  return field === undefined ? 'the options' : (OPTIONS[`${group}.${field}`] ?? optionOf(field));
}

/** `column` is a JSON text. */
function columnTypeOption(column: string, type: string): string {
  return `--column-type ${JSON.stringify(`${JSON.parse(column) as string}=${type}`)}`;
}

function optionOf(field: string): string {
  return OPTIONS[field] ?? `--${field.replaceAll('_', '-')}`;
}

type LocalPaths = { uri: string; path: string }[];

/** The local path of each uploaded object, longest URI first: `s3://b/a` is also the beginning of `s3://b/a.zip`. */
function pathsOf({ uploads, manifest }: Names): LocalPaths {
  const bucket = /^s3:\/\/[^/]+\//.exec(manifest.files[0]?.path ?? '')?.[0] ?? '';
  return uploads
    .map(({ key, path }) => ({ uri: bucket + key, path: localPath(path) }))
    .sort((a, b) => b.uri.length - a.uri.length);
}

function withPaths(text: string, paths: LocalPaths): string {
  return paths.reduce((result, { uri, path }) => result.replaceAll(uri, () => path), text);
}
