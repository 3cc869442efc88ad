import { expect, test } from 'vitest';
import { readCodeFacts } from './call-graph.ts';
import { replaceFacts } from './function-readmes.ts';

test('a README gets its table after the first paragraph, and later tables replace it', () => {
  const first = replaceFacts('# archive\n\nArchives manifests.\n\nProse.\n', '| one |');
  expect(first).toMatch(
    /^# archive\n\nArchives manifests\.\n\n<!-- Facts: .* -->\n\n\| one \|\n\n<!-- .* -->\n\nProse\.\n$/,
  );
  expect(replaceFacts(first, '| two |')).toBe(first.replace('| one |', '| two |'));
  expect(replaceFacts('# archive\n\nArchives manifests.\n', '| one |')).toMatch(
    /^# archive\n\nArchives manifests\.\n\n<!--/,
  );
});

test('facts of a function come from its own files and from the shared code that it calls', () => {
  const [join] = readCodeFacts(['functions/join/handler.ts']);
  expect([...(join?.events ?? [])]).toEqual(['sluice.table.ready']);
  expect(join?.ports).toContain('postgis');
  expect(join?.ports).not.toContain('gdal');
  expect(join?.literals).toContain('JOIN_KEY_DUPLICATE'); // Its own code.
  expect(join?.literals).toContain('DISK_FULL'); // Of shared/databases.
  expect(join?.literals).not.toContain('FILE_MISSING'); // Compared only: the error is converted.
  expect(join?.literals).not.toContain('RECIPE_INVALID'); // Of schemas, which are not followed.
});
