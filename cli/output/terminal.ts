import { createColors } from 'picocolors';
import type { Colors } from 'picocolors/types.js';

/** The parts of a stream that are used. */
export interface Screen {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
  write(text: string): unknown;
}

/** Where a command writes: answers to standard output; progress and errors to standard error. */
export interface Terminal {
  stdout: Screen;
  stderr: Screen;
  /** Whether standard output is one JSON document, for programs. */
  json: boolean;
}

/** Colors for a stream: only on a terminal, and not when NO_COLOR is set (https://no-color.org). */
export function colorsFor(screen: Screen, variables: NodeJS.ProcessEnv = process.env): Colors {
  return createColors(screen.isTTY === true && !variables.NO_COLOR && variables.TERM !== 'dumb');
}
