import { asciiCaseless } from '#shared/contracts/column-names.ts';

/**
 * The name of the staging table of a file. It contains the fencing token, so a worker that continues after its claim
 * has expired writes to a table that no other worker reads.
 */
export function stagingTable(token: number, fileIndex: number): string {
  return `load_${token}_${fileIndex}`;
}

/** Names in a staging table that no attribute of the file has. finishTable gives the columns their final names. */
export interface StagedNames {
  /** The columns that ogr2ogr adds. */
  geometry: string;
  key: string;
  /** The attribute at this position, if PostgreSQL would reject or cut its name. */
  attribute: (index: number) => string;
  /** A column between its old name and its new one. */
  renamed: (index: number) => string;
}

/** The names for a layer with these fields. They have a common beginning, which the name of no field has. */
export function stagedNames(fields: readonly string[]): StagedNames {
  const taken = fields.map(asciiCaseless);
  let beginning = 'sluice~';
  for (let number = 1; taken.some((name) => name.startsWith(beginning)); number++) beginning = `sluice${number}~`;
  return {
    geometry: `${beginning}geometry`,
    key: `${beginning}key`,
    attribute: (index) => `${beginning}${index}`,
    renamed: (index) => `${beginning}renamed~${index}`,
  };
}
