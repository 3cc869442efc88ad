import format from 'pg-format';

/** Types of CSV columns, by their values: a column has a type when every value is that type's plain notation, so that nothing is lost. */

const DAY = String.raw`(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)`;
const CLOCK = String.raw`(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?`;

/** In the order in which they are tried; what fits none is text. A number with leading zeros (`00123`) is a code, so it stays text. */
const TYPES: { type: string; pattern: string }[] = [
  { type: 'boolean', pattern: '^(?:true|false|TRUE|FALSE|True|False)$' },
  { type: 'bigint', pattern: String.raw`^(?:0|-?[1-9]\d{0,17})$` },
  // A double keeps 15 digits for certain.
  {
    type: 'double precision',
    pattern: String.raw`^(?=(?:\D*\d){1,15}\D*$|.*[eE])-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,2})?$`,
  },
  { type: 'date', pattern: `^${DAY}$` },
  { type: 'timestamp without time zone', pattern: `^${DAY}[T ]${CLOCK}$` },
  { type: 'timestamp with time zone', pattern: String.raw`^${DAY}[T ]${CLOCK}(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)$` },
];

/** A query that answers one row: for each column an array with, for each type, whether all its values fit; null when it has no value. */
export function fitsSql(table: string, columns: readonly string[]): string {
  const tests = columns.map((column, index) => {
    const each = TYPES.map(({ pattern }) => format('bool_and(%I ~ %L)', column, pattern));
    return `array[${each.map((test) => `${test} filter (where ${format('%I', column)} <> '')`).join(', ')}] as c${index}`;
  });
  return `select ${tests.join(', ')} from ${format('%I', table)}`;
}

/** The type for what fitsSql found of one column. A column without a value is text. */
export function fittingType(fits: readonly (boolean | null)[]): string {
  return TYPES[fits.findIndex((fit) => fit === true)]?.type ?? 'character varying';
}
