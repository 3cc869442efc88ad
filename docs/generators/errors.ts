import { ERROR_CODES } from '#shared/errors/codes.ts';
import { generatedFrom, type GeneratedFile } from './generated-file.ts';

/** docs/errors.md: every code, what it means and what to do. */
export const errorsDocument: GeneratedFile = { path: 'docs/errors.md', content: errorsMarkdown };

function errorsMarkdown(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { meaning, action, retryable }]) =>
      `| <a id="${code}"></a>\`${code}\` | ${cell(meaning)} | ${cell(action)} | ${retryable ? 'yes' : 'no'} |`,
  );
  return `${generatedFrom('shared/errors/codes.ts')}

# Error codes

An error is \`{"code", "message", "details"}\`: on a run, in the JSON API, and in the answer of a function. The code is stable, so programs
may match on it. The message says what was wrong in this case, and names the field, the file or the row; \`details\` says the same for programs.

*Tried again* says whether the router repeats the step by itself; when no try succeeds, the run fails: mend the cause, and repeat it with
\`npx sluice rerun RUN\`. A permanent error ends the run at once: correct the cause, and upload a new manifest.

| Code | What it means | What to do | Tried again |
|---|---|---|---|
${rows.join('\n')}
`;
}

/** Text in a cell of a Markdown table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
