import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { OutputStream } from '#shared/text/live-lines.ts';

/**
 * Reads a new password: from a terminal twice without echo, else the first line of standard input. Never an argument,
 * which other users of the machine can see. Throws REQUEST_INVALID if the two differ, or if the input is empty.
 */
export async function readPassword(input: NodeJS.ReadStream, prompts: OutputStream): Promise<string> {
  if (!input.isTTY) {
    const [line = ''] = (await text(input)).split(/\r?\n/);
    if (line !== '') return line;
    throw new SluiceError(
      'REQUEST_INVALID',
      'Standard input contains no password. Write the password to standard input.',
    );
  }
  const silent = new Writable({ write: (_text, _encoding, done) => done() });
  // In terminal mode, readline turns off the echo of the terminal, and writes to `silent`.
  const lines = createInterface({ input, output: silent, terminal: true });
  lines.once('SIGINT', () => lines.close());
  const ask = async (question: string) => {
    prompts.write(question);
    const closed = once(lines, 'close').then((): undefined => undefined);
    const answer = await Promise.race([lines.question(''), closed]);
    prompts.write('\n');
    if (answer === undefined)
      throw new SluiceError('REQUEST_INVALID', 'Password entry was interrupted. Run the command again.');
    return answer;
  };
  try {
    const password = await ask('New password: ');
    if (password === (await ask('The same password again: '))) return password;
    throw new SluiceError('REQUEST_INVALID', 'The two passwords differ. Run the command again.');
  } finally {
    lines.close();
  }
}
