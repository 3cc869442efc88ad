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
