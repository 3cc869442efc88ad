import type { JsonFacts } from './json-facts.ts';

/** What GeoJsonRewriter finds in a file. */
export interface GeoJsonFacts {
  /** About the values of each property, by its name. */
  properties: Map<string, JsonFacts>;
  /** About the ids of the features, if a feature has one. */
  ids: JsonFacts | undefined;
  /** Features whose id differs from their property `id`. GDAL keeps the property. */
  hiddenIds: number;
  /** About the other members of features. GDAL reads them as properties where a feature has no `properties`. */
  members: Map<string, JsonFacts>;
  /** Features with `properties` and other members, which GDAL does not read. */
  droppedMembers: number;
  /** Features with a key twice, whose first value GDAL drops. */
  repeatedKeys: { features: number; first: string };
  /** Texts with half of a character (an unpaired surrogate), which GDAL replaces. */
  brokenTexts: number;
}

export function noFacts(): GeoJsonFacts {
  return {
    properties: new Map(),
    ids: undefined,
    hiddenIds: 0,
    members: new Map(),
    droppedMembers: 0,
    repeatedKeys: { features: 0, first: '' },
    brokenTexts: 0,
  };
}
