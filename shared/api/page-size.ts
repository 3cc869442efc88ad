/** The most entries of a list that the gateway returns for one request. */
export const MAX_LIMIT = 500;
