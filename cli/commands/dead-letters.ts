import type { JudgedDeadLetter } from '../../gateway/operator/dead-letters.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable, formatTime } from '../format-values.ts';
import { GatewayClient } from '../gateway-client.ts';
import { runCommand, writeJson } from '../run-command.ts';
import { printable, type Terminal } from '../terminal.ts';
import type { ActFlags } from './run-acts.ts';

type DeadLetter = Omit<JudgedDeadLetter, 'redrivable' | 'advice'>;

/** `sluice dead-letters`: the events that no try could deliver, and what can be done about each. */
export function deadLetters(flags: { limit: number }, url: string, terminal: Terminal): Promise<number> {
  return runCommand(async (_, signal) => {
    const letters = await new GatewayClient(url).get<JudgedDeadLetter[]>(`/api/dead-letters?limit=${flags.limit}`, signal);
    if (terminal.json) writeJson(terminal, letters);
    else terminal.stdout.write(`${letters.length === 0 ? 'There are no dead letters.' : tableOf(letters)}\n`);
    return EXIT.success;
  }, terminal);
}

/** `sluice dead-letters redrive ID`: delivers one again. Exits 1, with what to do instead, when that would do nothing. */
export function redrive(id: string, flags: ActFlags, url: string, terminal: Terminal): Promise<number> {
  return act('POST', `/api/dead-letters/${encodeURIComponent(id)}/redrive`, (letter) => `${letter.event.type} is delivered to ${letter.function} again.`, flags, url, terminal);
}

/** `sluice dead-letters discard ID`: takes one off the list. */
export function discard(id: string, flags: ActFlags, url: string, terminal: Terminal): Promise<number> {
  return act('DELETE', `/api/dead-letters/${encodeURIComponent(id)}`, (letter) => `The dead letter of ${letter.function} (${letter.event.type}) is off the list.`, flags, url, terminal);
}

function act(method: 'POST' | 'DELETE', path: string, say: (letter: DeadLetter) => string, { operator }: ActFlags, url: string, terminal: Terminal): Promise<number> {
  return runCommand(async (_, signal) => {
    const letter = await new GatewayClient(url).act<DeadLetter>(method, path, { operator, signal });
    if (terminal.json) writeJson(terminal, letter);
    else terminal.stdout.write(`${printable(say(letter))}\n`);
    return EXIT.success;
  }, terminal, { interrupted: () => 'Stopped. See what was done: npx sluice dead-letters' });
}

function tableOf(letters: JudgedDeadLetter[]): string {
  const rows = letters.map((letter) => [
    formatTime(letter.failed_at), letter.id, letter.function, letter.error.code, String(letter.attempts), letter.run_id ?? '',
    letter.redrivable ? `npx sluice dead-letters redrive ${letter.id}` : (letter.advice ?? ''),
  ]);
  return formatTable([['FAILED (UTC)', 'DEAD LETTER', 'FUNCTION', 'ERROR', 'TRIES', 'RUN', 'WHAT TO DO'], ...rows]);
}
