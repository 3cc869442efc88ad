import { readFile } from 'node:fs/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** The parameters of a recipe from a JSON file, as `metadata.recipe` of the manifest. Throws REQUEST_INVALID when it cannot be read. */
export async function readRecipeFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (cause) {
    const says =
      cause instanceof SyntaxError ? `is not JSON: ${cause.message}` : `cannot be read: ${(cause as Error).message}`;
    throw new SluiceError('REQUEST_INVALID', `--recipe ${path} ${says}.`, { details: { option: '--recipe' }, cause });
  }
}
