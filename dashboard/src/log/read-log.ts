import { send, withQuery } from '../api/client.ts';

/** A line of the log of a function or run. */
export interface LogLine {
  id: number;
  /** Name of the function. */
  name: string;
  time: string;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  /** The other fields, such as the run. */
  fields: Record<string, unknown>;
}

/** Lines that are shown. Older ones are dropped. */
export const MAX_LINES = 500;

/** The levels of pino. */
const WARN = 40;
const ERROR = 50;
const DEBUG = 20;

let nextId = 0;

/** The path of a log of the API, with its last lines and those that follow. */
export function logPath(path: string, query: Record<string, string> = {}): string {
  return withQuery(path, { ...query, tail: MAX_LINES, follow: 'true' });
}

/** Reads the last lines of a log, and the lines that are written until `signal` aborts. Throws ApiError. */
export async function* followLog(path: string, signal: AbortSignal): AsyncGenerator<LogLine[]> {
  const { body } = await send(path, { signal });
  if (body === null) return;
  let rest = '';
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    yield lines.filter((line) => line.trim() !== '').map(parseLine);
  }
}

/** A line of the API, whose text is a line of the log in JSON. */
export function parseLine(line: string): LogLine {
  const { name, timestamp, text } = JSON.parse(line) as { name: string; timestamp: string; text: string };
  const parsed = parseFields(text);
  const { level, msg = text, time: _time, pid: _pid, hostname: _host, ...fields } = parsed;
  return { id: nextId++, name, time: timestamp, level: levelOf(level), message: textOf(msg), fields };
}

function parseFields(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { msg: text };
  }
}

function levelOf(level: unknown): LogLine['level'] {
  if (level === 'warn' || level === 'error' || level === 'debug') return level;
  if (level === 'fatal') return 'error';
  if (typeof level !== 'number') return 'info';
  return level >= ERROR ? 'error' : level >= WARN ? 'warn' : level <= DEBUG ? 'debug' : 'info';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
