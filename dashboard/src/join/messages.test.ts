import { expect, test } from 'vitest';
import { ApiError } from '../api/client.ts';
import { inWordsOfPage } from './messages.ts';

test.each([
  [
    'left_key "nr" is integer (1, 2, …), but right_key "code" is text ("FR", …). Values of these types cannot be compared exactly. Ingest the table again with metadata.tabular.columns: {"code": "bigint"}.',
    'The feature key "nr" is integer (1, 2, …), but the table key "code" is text ("FR", …). Values of these types cannot be compared exactly. Ingest the table again with "code" as bigint.',
  ],
  [
    'metadata.join_config.left_key: länder, version 1 (a1) has no column "right_key ".',
    'Key of the features: länder, version 1 (a1) has no column "right_key ".',
  ],
  ['metadata.join_config.tabular_asset_id: the asset "f" does not exist.', 'Table: the asset "f" does not exist.'],
  ['The gateway does not respond.', 'The gateway does not respond.'],
])('%s', (message, expected) => {
  expect(inWordsOfPage(new ApiError(message, 'CODE', 422))).toMatchObject({ message: expected, code: 'CODE' });
});
