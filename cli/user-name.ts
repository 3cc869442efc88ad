import { userInfo } from 'node:os';

/** The name of the account that runs the command; containers may run as a number without one. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
