import { createColors } from 'picocolors';
import type { Colors } from 'picocolors/types.js';
import stringWidth from 'string-width';
import { printable } from '#shared/text/visible-text.ts';
import type { OutputStream } from '#shared/text/live-lines.ts';

/** The output of a command: results to standard output; progress and errors to standard error. */
export interface Terminal {
  stdout: OutputStream;
  stderr: OutputStream;
  /** Whether standard output is one JSON document, for programs. */
  json: boolean;
}

/** Colors for a stream. Without a terminal, or with NO_COLOR (https://no-color.org), the functions add no colors. */
export function colorsFor(stream: OutputStream, variables: NodeJS.ProcessEnv = process.env): Colors {
  return createColors(stream.isTTY === true && !variables.NO_COLOR && variables.TERM !== 'dumb');
}

/** That a list is empty because of its filters: `No run matches --status failure and --dataset roads.` */
export function nothingFound(what: string, filters: Record<string, string | undefined>): string {
  const given = Object.entries(filters).flatMap(([option, value]) =>
    value === undefined ? [] : [`${option} ${value}`],
  );
  return `No ${what} matches ${printable(given.join(' and '))}.`;
}

/** Formats rows as a table with aligned columns. The first row is the header. */
export function formatTable(rows: string[][]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => stringWidth(row[column] ?? ''))));
  const pad = (value: string, column: number) => value + ' '.repeat((widths[column] ?? 0) - stringWidth(value));
  return clean.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}
