import { createColors } from 'picocolors';

/** The parts of a stream that are used. */
export interface Screen {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
  write(text: string): unknown;
}

export type Colors = ReturnType<typeof createColors>;

/** Where a command writes: answers to standard output; progress and errors to standard error. */
export interface Terminal {
  stdout: Screen;
  stderr: Screen;
  /** Whether standard output is one JSON document, for programs. */
  json: boolean;
}

/** Colours for a stream: only on a terminal, and not when NO_COLOR is set (https://no-color.org). */
export function colorsFor(screen: Screen, variables: NodeJS.ProcessEnv = process.env): Colors {
  return createColors(screen.isTTY === true && !variables.NO_COLOR && variables.TERM !== 'dumb');
}

/** Text of files and servers without control characters, which would steer the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}
