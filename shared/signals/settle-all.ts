/**
 * As Promise.all, but it rejects only after all work has ended. Downloads to one folder need this, because the caller
 * deletes the folder after an error.
 */
export async function settleAll<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
