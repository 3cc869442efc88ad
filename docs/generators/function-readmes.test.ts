import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseStack, STACK_FILE } from '#shared/config/stack.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { readEvent, STRUCTURED } from '#shared/events/http.ts';
import { readCodeFacts } from './call-graph.ts';
import { exampleEvent } from './example-events.ts';
import { replaceCall, replaceFacts } from './function-readmes.ts';

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

test('a README gets its call at the end, and later ones replace it', () => {
  const first = replaceCall('# archive\n\nProse.\n', '## Call\n\none');
  expect(first).toMatch(/^# archive\n\nProse\.\n\n<!-- Call: .* -->\n\n## Call\n\none\n\n<!-- .* -->\n$/);
  expect(replaceCall(`${first}\nMore.\n`, 'two')).toBe(`${first.replace('## Call\n\none', 'two')}\nMore.\n`);
});

test('a function gets an example event of a type that it receives', () => {
  const { functions } = parseStack(readFileSync(STACK_FILE, 'utf8'));
  const types = functions.map((fn) => [fn.name, (exampleEvent(fn) as SluiceEvent).type]);
  expect(Object.fromEntries(types)).toMatchObject({
    'validate-manifest': 'com.amazonaws.s3.ObjectCreated:Put',
    'load-to-postgis': 'sluice.run.requested.vector',
    'fail-run': 'sluice.run.requested.vector',
    'monitor-runs': 'sluice.tick',
    archive: 'sluice.run.succeeded',
  });
  const headers = { 'content-type': STRUCTURED };
  for (const fn of functions) expect(() => readEvent(headers, JSON.stringify(exampleEvent(fn)))).not.toThrow();
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
