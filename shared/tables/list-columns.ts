const MAX_COLUMNS_IN_DETAILS = 100;
const MAX_COLUMNS_IN_MESSAGE = 20;

/** The first names of columns for the message of an error. */
export function listColumns(names: readonly string[]): string {
  const listed = names.slice(0, MAX_COLUMNS_IN_MESSAGE).map((name) => JSON.stringify(name));
  return `${listed.join(', ')}${names.length > MAX_COLUMNS_IN_MESSAGE ? ', …' : ''}`;
}

/** The first names of columns for the details of an error. */
export function columnsForDetails(names: readonly string[]): string[] {
  return names.slice(0, MAX_COLUMNS_IN_DETAILS);
}
