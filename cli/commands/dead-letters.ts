import { formatTime } from '#shared/text/amounts.ts';
import { printable } from '#shared/text/printable.ts';
import type { DeadLetter, DeadLetterView } from '#shared/api/dead-letter-view.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable } from '../output/format-table.ts';
import type { GatewayClient } from '../client/gateway-client.ts';
import { runCommand, writeJson } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';
import type { ActFlags } from './run-control.ts';

/** `sluice dead-letters`: the events that no try could deliver, and what can be done about each. */
export function deadLetters(flags: { limit: number }, client: GatewayClient, terminal: Terminal): Promise<number> {
  return runCommand(async (signal) => {
    const letters = await client.get<DeadLetterView[]>(`/api/dead-letters?limit=${flags.limit}`, signal);
    if (terminal.json) writeJson(terminal, letters);
    else terminal.stdout.write(`${letters.length === 0 ? 'There are no dead letters.' : tableOf(letters)}\n`);
    return EXIT.success;
  }, terminal);
}

/** `sluice dead-letters redrive ID`: delivers one again. Exits 1, with what to do instead, when that would do nothing. */
export function redrive(id: string, flags: ActFlags, client: GatewayClient, terminal: Terminal): Promise<number> {
  return act(
    'POST',
    `/api/dead-letters/${encodeURIComponent(id)}/redrive`,
    (letter) => `${letter.event.type} is delivered to ${letter.function} again.`,
    flags,
    client,
    terminal,
  );
}

/** `sluice dead-letters discard ID`: takes one off the list. */
export function discard(id: string, flags: ActFlags, client: GatewayClient, terminal: Terminal): Promise<number> {
  return act(
    'DELETE',
    `/api/dead-letters/${encodeURIComponent(id)}`,
    (letter) => `The dead letter of ${letter.function} (${letter.event.type}) is off the list.`,
    flags,
    client,
    terminal,
  );
}

function act(
  method: 'POST' | 'DELETE',
  path: string,
  say: (letter: DeadLetter) => string,
  { operator }: ActFlags,
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(
    async (signal) => {
      const letter = await client.act<DeadLetter>(method, path, { operator, signal });
      if (terminal.json) writeJson(terminal, letter);
      else terminal.stdout.write(`${printable(say(letter))}\n`);
      return EXIT.success;
    },
    terminal,
    { interrupted: () => 'Stopped. See what was done: npx sluice dead-letters' },
  );
}

function tableOf(letters: DeadLetterView[]): string {
  const rows = letters.map((letter) => [
    formatTime(letter.failed_at),
    letter.id,
    letter.function,
    letter.error.code,
    String(letter.attempts),
    letter.run_id ?? '',
    letter.redrivable ? `npx sluice dead-letters redrive ${letter.id}` : (letter.advice ?? ''),
  ]);
  return formatTable([['FAILED (UTC)', 'DEAD LETTER', 'FUNCTION', 'ERROR', 'TRIES', 'RUN', 'WHAT TO DO'], ...rows]);
}
