import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addTabularOptions, type TabularFlags, tabularParameters } from './options.ts';

function parse(...args: string[]) {
  const command = addTabularOptions(new Command('x'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return tabularParameters(command.parse(args, { from: 'user' }).opts<TabularFlags>());
}

test('options are converted to the fields of metadata.tabular', () => {
  expect(parse()).toBeUndefined();
  expect(parse('--header', '--quotes')).toEqual({ header: true, quotes: true });
  expect(
    parse(
      '--delimiter',
      '\\t',
      '--decimal',
      ',',
      '--sheet',
      'Blatt #1',
      '--no-header',
      '--skip-lines',
      '2',
      '--comment',
      '#',
      '--no-quotes',
      '--thousands',
      ' ',
      '--percent',
      '--date-format',
      'DD.MM.YYYY',
      '--null',
      'NA',
      '--null',
      '-',
      '--column-type',
      'plz=text',
      '--column-type',
      'a=b=double',
      '--max-rejected',
      '0',
    ),
  ).toEqual({
    delimiter: '\t',
    decimal_separator: ',',
    sheet: 'Blatt #1',
    header: false,
    skip_lines: 2,
    comment: '#',
    quotes: false,
    thousands_separator: ' ',
    percent: true,
    date_format: 'DD.MM.YYYY',
    null_values: ['NA', '-'],
    columns: { plz: 'text', 'a=b': 'double' },
    max_rejected_rows: 0,
  });
});

test.each([
  ['--column-type', 'plz'],
  ['--column-type', 'plz=zip'],
  ['--decimal', ';'],
  ['--thousands', ';'],
  ['--date-format', 'M/D/Y'],
  ['--skip-lines', 'x'],
  ['--max-rejected', '-1'],
])('%s %s is rejected', (...args) => expect(() => parse(...args)).toThrow());
