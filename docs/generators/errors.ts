import { ERROR_CODES } from '#shared/errors/codes.ts';
import { type GeneratedFile, generatedFrom } from './generated-file.ts';

/** docs/errors.md: every error code with its meaning and the action to take. */
export const errorsDocument: GeneratedFile = { path: 'docs/errors.md', content: errorsMarkdown };

function errorsMarkdown(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { meaning, action, retryable }]) =>
      `| <a id="${code}"></a>\`${code}\` | ${cell(meaning)} | ${cell(action)} | ${retryable ? 'yes' : 'no'} |`,
  );
  return `${generatedFrom('shared/errors/input-codes.ts and shared/errors/operation-codes.ts')}

# Error codes

Errors have the form \`{"code", "message", "details"}\`, on runs, in the JSON API and in the responses of functions.

- \`code\` is stable. Programs may compare it.
- \`message\` describes the problem and names the file, field, row or run.
- \`details\` contains the same facts in a form for programs.

The router retries a delivery after an error that is marked *Retried*. When all retries fail, the run fails. Correct
the cause, and repeat the run with \`npx sluice rerun RUN\`. All other errors of a step end its run immediately. The
action states whether to upload a new manifest, or to repeat the run.

| Code | Meaning | Action | Retried |
|---|---|---|---|
${rows.join('\n')}
`;
}

/** Escapes text for a cell of a Markdown table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
