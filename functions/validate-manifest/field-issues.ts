import { printable } from '#shared/text/visible-text.ts';

/** A problem of one field. `message` follows the name of the field in a sentence. */
export interface FieldIssue {
  field: string;
  message: string;
}

/** Issues in `details` of an error. A manifest of 1 MiB can have 500,000 issues. */
const MAX_ISSUES = 50;

/** Collects the first MAX_ISSUES issues, and counts the further ones. */
export class FieldIssues {
  readonly first: FieldIssue[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** `describe` is called only for the first issues. */
  add(describe: () => FieldIssue): void {
    this.#count += 1;
    if (this.first.length < MAX_ISSUES) this.first.push(describe());
  }
}

/** Characters of one name that a message shows. Names in a manifest have at most 128 characters. */
const SHOWN_NAME = 200;

/**
 * The name of a field in messages, such as `files[0].path`; `manifest` for the root. Unusual names are quoted, and
 * long ones are cut off.
 */
export function fieldOf(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => {
    if (typeof part === 'number') return `[${part}]`;
    const whole = String(part);
    const name = whole.length > SHOWN_NAME ? `${whole.slice(0, SHOWN_NAME)}…` : whole;
    return /^[\p{L}\p{N}_-]+$/u.test(name) ? `.${name}` : `[${printable(JSON.stringify(name))}]`;
  });
  return parts.join('').replace(/^\./, '') || 'manifest';
}
