import { basename } from 'node:path';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { stemOf } from '#shared/landing/source-parts.ts';

/** Longest dataset id (DATASET_ID). */
const MAX_DATASET_ID = 100;

/** The datasets that a run makes versions of. Whoever looks for what it left in the lake looks there. */
export function datasetsOfRun(run: Pick<RunDocument, 'lane' | 'dataset_id' | 'manifest'>): string[] {
  return run.lane === 'raster' ? rasterDatasets(run) : [run.dataset_id];
}

/**
 * The datasets of a raster run, in the order of its assets. A mosaic, or the asset of the only file, is a version of the run's dataset; of several
 * files, each has a dataset of its own, `<dataset_id>.<file>`, named by the file without its extension, and by the variable when a file occurs twice.
 */
export function rasterDatasets({
  dataset_id,
  manifest: { files, metadata },
}: Pick<RunDocument, 'dataset_id' | 'manifest'>): string[] {
  if (files.length === 1 || metadata.raster?.mosaic) return [dataset_id];
  const stems = files.map((file) => asDatasetPart(stemOf(basename(file.path))));
  const named = files.map((file, index) => {
    const stem = stems[index] ?? '';
    const repeated = stems.filter((other) => other === stem).length > 1;
    return `${dataset_id}.${stem}${repeated && file.layer !== undefined ? `.${asDatasetPart(file.layer)}` : ''}`.slice(
      0,
      MAX_DATASET_ID,
    );
  });
  return allDifferent(named);
}

/**
 * Numbers names that occur before (`a`, `a-2`). A number is left out that another file has in its own name: `a`, `a`, `a-2` become `a`, `a-3`, `a-2`.
 * Upper and lower case count as the same, since a file system under the lake may not tell them apart.
 */
function allDifferent(names: readonly string[]): string[] {
  const own = new Set(names.map(caseless));
  const given = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let number = 2; given.has(caseless(free)) || (free !== name && own.has(caseless(free))); number++) {
      const suffix = `-${number}`;
      free = `${name.slice(0, MAX_DATASET_ID - suffix.length)}${suffix}`;
    }
    given.add(caseless(free));
    return free;
  });
}

function caseless(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** Characters that a dataset id may not have become `_`. */
function asDatasetPart(name: string): string {
  return name.normalize('NFC').replaceAll(/[^\p{L}\p{N}._-]+/gu, '_') || '_';
}
