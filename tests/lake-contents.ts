import { posix } from 'node:path';
import type { AssetDocument, DatasetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';

/** What a lake contains, read for the tests, and the links between its documents. */

export type Parts = Pick<Context, 'ledger' | 'objects' | 'env'>;
export type Json = Record<string, unknown>;
export interface Link {
  rel: string;
  href: string;
  title?: string;
}

/** More documents than any test creates. */
const ALL = { limit: 100_000 };

/** All that there is, read once. */
export interface Lake {
  datasets: DatasetDocument[];
  assets: AssetDocument[];
  runs: Map<string, RunDocument>;
  /** Objects of the lake by key. */
  keys: Set<string>;
}

export async function readLake({ ledger, objects, env }: Parts): Promise<Lake> {
  const keys = new Set<string>();
  for await (const { key } of objects.list(env.LAKE_BUCKET, '')) keys.add(key);
  const runs = await ledger.listRuns(ALL);
  return {
    datasets: await ledger.listDatasets(),
    assets: await ledger.listAssets(ALL),
    runs: new Map(runs.map((run) => [run._id, run])),
    keys,
  };
}

export function differences(expected: Json, actual: Json, where: string): string[] {
  return Object.entries(expected).flatMap(([name, value]) => {
    const [wanted, is] = [JSON.stringify(value), JSON.stringify(actual[name])];
    return wanted === is ? [] : [`${where} has ${name} ${is} instead of ${wanted}`];
  });
}

export async function readJson({ objects, env }: Parts, key: string): Promise<Json> {
  const bytes = await objects.readBytes(env.LAKE_BUCKET, key, { maxBytes: 2 ** 24 });
  return JSON.parse(bytes.toString('utf8')) as Json;
}

export function linksOf(document: Json): Link[] {
  return document.links as Link[];
}

/** The key that a relative link resolves to. */
export function resolve(from: string, href: string): string {
  return posix.normalize(posix.join(posix.dirname(from), href.split('/').map(decodeURIComponent).join('/')));
}

export function brokenLinks(document: Json, key: string, { keys }: Lake): string[] {
  const hrefs = [...linksOf(document), ...Object.values((document.assets ?? {}) as Record<string, Link>)].map(
    ({ href }) => href,
  );
  return hrefs.filter((href) => !keys.has(resolve(key, href))).map((href) => `the link ${href} of ${key} is broken`);
}

export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
