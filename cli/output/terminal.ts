import { createColors } from 'picocolors';
import type { Colors } from 'picocolors/types.js';
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
