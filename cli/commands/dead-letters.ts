import { MAX_LIMIT } from '#shared/api/views.ts';
import { formatTime } from '#shared/text/amounts.ts';
import type { DeadLetter, DeadLetterView } from '#shared/api/views.ts';
import { printable } from '#shared/text/visible-text.ts';
import { EXIT, runCommand, writeJson } from '../run-command.ts';
import type { GatewayClient } from '../gateway-client.ts';
import { type Terminal, formatTable } from '../output/terminal.ts';
import type { OperatorFlags } from './runs.ts';

/**
 * `sluice dead-letters`: lists the events that can be delivered again, or with --all, every event that the router no
 * longer retries, with the recommended action for each.
 */
export function deadLetters(
  { limit, all = false }: { limit: number; all?: boolean },
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(async (signal) => {
    const letters = await client.get<DeadLetterView[]>(`/api/dead-letters?limit=${all ? limit : MAX_LIMIT}`, signal);
    const shown = (all ? letters : letters.filter(({ redrivable }) => redrivable)).slice(0, limit);
    if (terminal.json) writeJson(terminal, shown);
    else terminal.stdout.write(`${describeList(shown, letters.filter(({ redrivable }) => !redrivable).length, all)}\n`);
    return EXIT.success;
  }, terminal);
}

function describeList(shown: DeadLetterView[], ended: number, all: boolean): string {
  const list = shown.length > 0 ? tableOf(shown) : `There are no dead letters${all ? '' : ' to re-drive'}.`;
  if (all || ended === 0) return list;
  const others = ended === 1 ? '1 dead letter' : `${ended} dead letters`;
  return `${list}\n${others} cannot be re-driven. To list them with the reason: npx sluice dead-letters --all`;
}

/** `sluice dead-letters redrive ID`: delivers a dead letter again. Exits with 1 and advice when that has no effect. */
export function redrive(id: string, flags: OperatorFlags, client: GatewayClient, terminal: Terminal): Promise<number> {
  return change(
    'POST',
    `/api/dead-letters/${encodeURIComponent(id)}/redrive`,
    (letter) => `The event ${letter.event.type} is delivered to ${letter.function} again.`,
    flags,
    client,
    terminal,
  );
}

/** `sluice dead-letters discard ID`: deletes a dead letter. */
export function discard(id: string, flags: OperatorFlags, client: GatewayClient, terminal: Terminal): Promise<number> {
  return change(
    'DELETE',
    `/api/dead-letters/${encodeURIComponent(id)}`,
    (letter) => `The dead letter of ${letter.function} (${letter.event.type}) was discarded.`,
    flags,
    client,
    terminal,
  );
}

function change(
  method: 'POST' | 'DELETE',
  path: string,
  describe: (letter: DeadLetter) => string,
  { operator }: OperatorFlags,
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(
    async (signal) => {
      const letter = await client.change<DeadLetter>(method, path, { operator, signal });
      if (terminal.json) writeJson(terminal, letter);
      else terminal.stdout.write(`${printable(describe(letter))}\n`);
      return EXIT.success;
    },
    terminal,
    { interrupted: () => 'Interrupted. To list dead letters: npx sluice dead-letters' },
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
  return formatTable([['FAILED (UTC)', 'DEAD LETTER', 'FUNCTION', 'ERROR', 'ATTEMPTS', 'RUN', 'ACTION'], ...rows]);
}
