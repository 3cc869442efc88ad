import { ApiError } from '../api/client.ts';

/** The fields of the manifest in messages, in the words of the page. */
const FIELDS: readonly [field: RegExp, words: string][] = [
  [/^metadata\.join_config\.spatial_asset_id: /, 'Features: '],
  [/^metadata\.join_config\.tabular_asset_id: /, 'Table: '],
  [/^metadata\.join_config\.left_key: /, 'Key of the features: '],
  [/^metadata\.join_config\.right_key: /, 'Key of the table: '],
  [/^left_key /, 'The feature key '],
  [/, but right_key /, ', but the table key '],
  [/metadata\.tabular\.columns: \{("(?:[^"\\]|\\.)*"): "(\w+)"\}/, '$1 as $2'],
];

/** An error of a preview. Its message names fields of the manifest. */
export function inWordsOfPage(error: Error): Error {
  const message = FIELDS.reduce((text, [field, words]) => text.replace(field, words), error.message);
  return error instanceof ApiError ? new ApiError(message, error.code, error.status) : error;
}

const FIRST_SERVER_ERROR = 500;

/** Whether a preview failed because of the datasets or keys, so that the run would fail, too. */
export function isErrorOfData(error: Error | null): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < FIRST_SERVER_ERROR;
}
