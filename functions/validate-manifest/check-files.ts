import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { ObjectHead } from '#shared/storage/object-store.ts';
import type { NamedFile } from './file-paths.ts';

/** Concurrent HEAD requests: enough to hide the latency of a store, and fewer than its connections. */
const PARALLEL_HEADS = 16;

/**
 * Checks that the files are in the landing zone and within MAX_FILE_BYTES. Throws FILE_MISSING, FILE_TOO_LARGE,
 * STORE_UNAVAILABLE.
 */
export async function checkFiles(
  files: NamedFile[],
  { objects, env, signal }: Pick<Context, 'objects' | 'env' | 'signal'>,
): Promise<void> {
  const heads = new Map<NamedFile, ObjectHead | undefined>();
  const queue = files.values(); // Shared by the workers, so that each file is checked once.
  const work = async () => {
    for (const file of queue) {
      signal.throwIfAborted();
      heads.set(file, await objects.head(env.LANDING_BUCKET, file.key));
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL_HEADS, files.length) }, work));
  rejectMissing(files.filter((file) => heads.get(file) === undefined));
  for (const file of files) rejectLarge(file, heads.get(file)?.size ?? 0, env.MAX_FILE_BYTES);
}

/** Missing files in the message of the error. `details` has all of them. */
const MAX_LISTED_FILES = 3;

function rejectMissing(missing: NamedFile[]): void {
  const [first] = missing;
  if (first === undefined) return;
  const listed = missing
    .slice(0, MAX_LISTED_FILES)
    .map(({ field, path }) => `${path} (${field})`)
    .join(', ');
  const more = missing.length > MAX_LISTED_FILES ? ` and ${missing.length - MAX_LISTED_FILES} more` : '';
  const hint = /%[0-9a-f]{2}|\?/i.test(first.path)
    ? ' A path is not percent-encoded: write a space as a space, not as %20, and omit a query after "?".'
    : '';
  const message =
    `${listed}${more} ${missing.length === 1 ? 'is' : 'are'} not in the landing zone. ` +
    `Upload the files before the manifest.${hint}`;
  throw new SluiceError('FILE_MISSING', message, {
    details: { files: missing.map(({ field, path }) => ({ field, path })) },
  });
}

function rejectLarge({ field, path }: NamedFile, size: number, limit: number): void {
  if (size <= limit) return;
  throw new SluiceError(
    'FILE_TOO_LARGE',
    `${path} (${field}) has ${size} bytes. The limit is ${limit} bytes (MAX_FILE_BYTES).`,
    {
      details: { field, path, size_bytes: size, limit_bytes: limit, variable: 'MAX_FILE_BYTES' },
    },
  );
}
