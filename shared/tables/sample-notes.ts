import type { ValueType } from '#shared/contracts/column-types.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { normalizer, type Notation } from './infer/notation.ts';
import type { TextColumn } from './infer/text-table.ts';
import { isWrittenAs } from './infer/value-types.ts';
import { looksMissing } from './rules/cells.ts';
import { shown } from './rules/table-notes.ts';

/** Columns with a note. A table can have thousands. */
const MAX_NOTES = 10;
/** Values of a column that are examined. */
const MAX_VALUES = 1_000;
/** A column of one type with a few other values, such as a unit, gets a note. */
const MIN_TYPE_SHARE = 0.6;

const NUMBER = /^[-+]?(?:0|[1-9]\d*)(?:[.,]\d+)?$/;
const DECIMAL_COMMA = /^[-+]?(?:0|[1-9]\d*),\d+$/;
const DECIMAL_POINT = /^[-+]?(?:0|[1-9]\d*)\.\d+$/;
const WHOLE = /^[-+]?(?:0|[1-9]\d*)$/;
const PERCENT = /^[-+]?\d+(?:[.,]\d+)?[ \u00a0\u202f]?%$/;
const GROUPED = /^[-+]?[1-9]\d{0,2}(?:[ \u00a0\u202f]\d{3}|,\d{3}|\.\d{3}|['’]\d{3})+(?:[.,]\d+)?$/;
const DOTTED_DATE = /^\d{1,2}\.\d{1,2}\.\d{4}(?: |$)/;
const SLASHED_DATE = /^(\d{1,2})\/(\d{1,2})\/\d{4}(?: |$)/;

/**
 * Notes about columns that are text because the notation of their values is not declared, such as 31.12.2023, or
 * because a few of the values are not numbers. They are not guessed: 01/02/2024 can be two different days.
 */
export function notesOfSample(
  columns: readonly TextColumn[],
  sample: readonly (readonly (string | null)[])[],
  notation: Notation,
  file: string,
): Note[] {
  const rows = sample.slice(0, MAX_VALUES);
  return columns
    .filter(({ declared, candidates }) => declared === undefined && candidates.length === 0)
    .flatMap(({ name, position }) => {
      const values = rows.map((row) => (row[position] ?? '').trim()).filter((value) => value !== '');
      const advice = values.length === 0 ? undefined : adviceFor(name, values, notation);
      if (advice === undefined) return [];
      return [{ code: 'COLUMN_IS_TEXT', file, column: name, message: `Column ${shown(name)} is text: ${advice}` }];
    })
    .slice(0, MAX_NOTES);
}

function adviceFor(name: string, values: readonly string[], notation: Notation): string | undefined {
  const present = values.filter((value) => !looksMissing(value));
  const all = (pattern: RegExp) => present.length > 0 && present.every((value) => pattern.test(value));
  const find = (pattern: RegExp) => present.find((value) => pattern.test(value)) ?? '';
  if (notation.date === undefined) {
    if (all(DOTTED_DATE)) return dateAdvice(find(DOTTED_DATE), 'DD.MM.YYYY');
    if (all(SLASHED_DATE)) return dateAdvice(find(SLASHED_DATE), slashedFormat(present));
  }
  if (notation.percent !== true && all(PERCENT))
    return `values such as ${shown(find(PERCENT))} are percentages. ${toNumbers('`percent` (--percent)')}`;
  if (
    notation.decimal === '.' &&
    notation.thousands !== ',' &&
    all(/^[^.]*$/) &&
    all(NUMBER) &&
    !all(WHOLE) &&
    !onlyGroups(present)
  )
    return (
      `values such as ${shown(find(DECIMAL_COMMA))} have a decimal comma. ` +
      toNumbers('`decimal_separator` (--decimal ,)')
    );
  if (notation.decimal === ',' && all(DECIMAL_POINT) && !(notation.thousands === '.' && all(GROUPED)))
    return `values such as ${shown(find(DECIMAL_POINT))} have a decimal point, but \`decimal_separator\` is ",".`;
  if (notation.thousands === undefined && present.some((value) => GROUPED.test(value)))
    return groupAdvice(present, notation);
  return timesAdvice(name, present, notation) ?? othersAdvice(name, values, notation);
}

function toNumbers(setting: string): string {
  return `To read them as numbers, set ${setting}.`;
}

function dateAdvice(value: string, format: string): string {
  return (
    `values such as ${shown(value)} are dates. ` +
    `To read them as dates, set \`date_format\` (--date-format ${format}).`
  );
}

/** The format of dates such as 13/01/2024; both when no value decides. */
function slashedFormat(values: readonly string[]): string {
  const parts = values.map((value) => (SLASHED_DATE.exec(value) ?? []).slice(1).map(Number));
  if (parts.some(([first]) => (first ?? 0) > 12)) return 'DD/MM/YYYY';
  return parts.some(([, second]) => (second ?? 0) > 12) ? 'MM/DD/YYYY' : 'DD/MM/YYYY or MM/DD/YYYY';
}

/** Whether all values with a comma look like 1,234, so that the comma separates thousands. */
function onlyGroups(values: readonly string[]): boolean {
  return values.filter((value) => value.includes(',')).every((value) => GROUPED.test(value));
}

function groupAdvice(values: readonly string[], notation: Notation): string | undefined {
  if (!values.every((value) => GROUPED.test(value) || NUMBER.test(value))) return undefined;
  const example = values.find((value) => GROUPED.test(value)) ?? '';
  const separator = /\D/.exec(example.replace(/^[-+]/, ''))?.[0] ?? '';
  const option = /[ \u00a0\u202f]/.test(separator) ? ' ' : separator.replace('’', "'");
  const settings = [`\`thousands_separator\` (--thousands "${option}")`];
  const hasDecimalComma = separator !== ',' && values.some((value) => value.includes(','));
  if (hasDecimalComma && notation.decimal === '.') settings.push('`decimal_separator` (--decimal ,)');
  return `values such as ${shown(example)} have a separator of thousands. ${toNumbers(settings.join(' and '))}`;
}

/** Advice for a column of dates of which only some have a time, or of times of which only some have a time zone. */
function timesAdvice(name: string, values: readonly string[], notation: Notation): string | undefined {
  const is = (type: ValueType) => {
    const normalize = normalizer(type, notation);
    return (value: string) => isWrittenAs(type, normalize(value));
  };
  const [isDate, isTime, isZoned] = [is('date'), is('timestamp'), is('timestamptz')];
  if (!values.every((value) => isDate(value) || isTime(value) || isZoned(value))) return undefined;
  const zoned = values.find(isZoned);
  const other = values.find((value) => (zoned === undefined ? isTime : (text: string) => !isZoned(text))(value));
  const [first, second] = zoned === undefined ? [values.find(isDate), other] : [zoned, other];
  if (first === undefined || second === undefined) return undefined;
  const type = zoned === undefined ? 'timestamp' : 'timestamptz';
  const words = zoned === undefined ? ['a date', 'has a time'] : ['a time with a time zone', 'has none'];
  return (
    `${shown(first)} is ${words[0]}, and ${shown(second)} ${words[1]}. To read all of them as ` +
    `${zoned === undefined ? 'times' : 'times in UTC'}, declare the type with ` +
    `metadata.tabular.columns: {${shown(name)}: "${type}"}.`
  );
}

/** The types that most values of a column can have. */
const EXPECTED: readonly { type: ValueType; one: string; many: string }[] = [
  { type: 'double', one: 'is not a number', many: 'are not numbers' },
  { type: 'boolean', one: 'is not a boolean', many: 'are not booleans' },
  { type: 'date', one: 'is not a date', many: 'are not dates' },
  { type: 'timestamp', one: 'is not a time', many: 'are not times' },
  { type: 'timestamptz', one: 'is not a time with a time zone', many: 'are not times with a time zone' },
];

/** Advice for a column of one type with a few other values. */
function othersAdvice(name: string, values: readonly string[], notation: Notation): string | undefined {
  for (const { type, one, many } of EXPECTED) {
    const normalize = normalizer(type, notation);
    const others = values.filter((value) => !isWrittenAs(type, normalize(value)));
    if (others.length === 0 || values.length - others.length < values.length * MIN_TYPE_SHARE) continue;
    const [first = ''] = others;
    return (
      `${others.length} of its first ${values.length} values ${others.length === 1 ? one : many}, ` +
      `such as ${shown(first)}. ` +
      (others.includes(name) ? 'The header seems to be repeated. Delete its repetitions.' : howToCorrect(others))
    );
  }
  return undefined;
}

function howToCorrect(others: readonly string[]): string {
  const marks = [...new Set(others)];
  if (!marks.every(looksMissing))
    return (
      `Correct ${others.length === 1 ? 'it' : 'them'}, leave out lines that are not data ` +
      '(metadata.tabular.skip_lines, metadata.tabular.comment), or declare the type with metadata.tabular.columns.'
    );
  const options = marks.map((mark) => `--null ${JSON.stringify(mark)}`).join(' ');
  return `If ${marks.length === 1 ? 'it means' : 'they mean'} "no value", set \`null_values\` (${options}).`;
}

/** Notes about declared notations that no value at the beginning of the file has. */
export function notesOfNotation(
  sample: readonly (readonly (string | null)[])[],
  notation: Notation,
  file: string,
): Note[] {
  const rows = sample.slice(0, MAX_VALUES);
  const occurs = (test: (value: string) => boolean) =>
    rows.some((row) => row.some((value) => test(value?.trim() ?? '')));
  const isDate = normalizer('date', notation);
  const unused: string[] = [];
  if (rows.length > 0 && notation.date !== undefined && !occurs((value) => value !== '' && isDate(value) !== value))
    unused.push(`written as ${notation.date}, the declared \`date_format\` (--date-format)`);
  if (rows.length > 0 && notation.percent === true && !occurs((value) => PERCENT.test(value)))
    unused.push('a number with %, which `percent` (--percent) declares');
  return unused.map((what) => ({
    code: 'SETTING_WITHOUT_EFFECT',
    file,
    message: `No value at the beginning of the file is ${what}.`,
  }));
}
