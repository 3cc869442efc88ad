import { expect, test } from 'vitest';
import { unescapeXml } from './unescape-xml.ts';

test.each([
  ['a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;', 'a <b> & "c" \'d\''],
  ['gr&#246;&#xDF;e &#x1F30D;', 'größe 🌍'],
  ['&amp;lt; is unescaped once', '&lt; is unescaped once'],
  ['&eacute; &#x110000; &#; &', '&eacute; &#x110000; &#; &'],
])('unescapes %j', (text, expected) => {
  expect(unescapeXml(text)).toBe(expected);
});
