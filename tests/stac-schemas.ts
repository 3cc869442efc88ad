import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';

const FOLDER = new URL('./data/stac-1.1.0/', import.meta.url);

type StacType = 'Feature' | 'Collection' | 'Catalog';
const SCHEMA: Record<StacType, string> = {
  Feature: 'https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json',
  Collection: 'https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/collection.json',
  Catalog: 'https://schemas.stacspec.org/v1.1.0/catalog-spec/json-schema/catalog.json',
};

/** The errors that the JSON Schemas of STAC 1.1.0 report for a document; empty for a valid one. */
export function stacProblems(document: Record<string, unknown>): string[] {
  const validate = validators().getSchema(SCHEMA[document.type as StacType]);
  if (validate === undefined) return [`STAC has no type ${String(document.type)}`];
  return validate(document) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

let loaded: Ajv | undefined;

function validators(): Ajv {
  if (loaded === undefined) {
    loaded = new Ajv({ strict: false, allErrors: true });
    (addFormats as unknown as (ajv: Ajv) => void)(loaded);
    loaded
      .addFormat('iri', (value) => URL.canParse(value))
      .addFormat('iri-reference', (value) => URL.canParse(value, 'http://base'));
    for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.json'))) {
      const schema = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as { $id: string };
      // The schemas refer to common.json by file name, but its $id lacks the dot.
      if (name === 'common.json') schema.$id = schema.$id.replace('commonjson', 'common.json');
      loaded.addSchema(schema);
    }
  }
  return loaded;
}
