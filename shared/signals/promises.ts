/**
 * As Promise.all, but it rejects only after all work has ended. Downloads to one folder need this, because the caller
 * deletes the folder after an error.
 */
export async function settleAll<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** The result of `work`; undefined when it takes longer. The work continues then. */
export async function within<T>(work: Promise<T>, milliseconds: number): Promise<T | undefined> {
  const limit = Promise.withResolvers<undefined>();
  const timer = setTimeout(limit.resolve, milliseconds, undefined);
  try {
    return await Promise.race([work, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}
