import { basename } from 'node:path';
import { MAX_DATASET_ID_BYTES } from '#shared/contracts/object-keys.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { truncateToBytes } from '#shared/text/truncate.ts';

/** Longest dataset id (DATASET_ID), in characters. */
const MAX_DATASET_ID = 100;

/** The datasets that a run adds versions to. Only they can contain objects of the run. */
export function datasetsOfRun(run: Pick<RunDocument, 'lane' | 'dataset_id' | 'manifest'>): string[] {
  return run.lane === 'raster' ? rasterDatasets(run) : [run.dataset_id];
}

/**
 * The dataset of each asset of a raster run, in the order of the assets. The asset of a single file, or a mosaic,
 * belongs to the dataset of the run. With several files, each has its own dataset `<dataset_id>.<file>`: the file name
 * without extension, plus the variable if a file is listed more than once.
 */
export function rasterDatasets({
  dataset_id,
  manifest: { files, metadata },
}: Pick<RunDocument, 'dataset_id' | 'manifest'>): string[] {
  if (files.length === 1 || metadata.raster?.mosaic) return [dataset_id];
  const stems = files.map((file) => toDatasetIdPart(stemOf(basename(file.path))));
  const names = files.map((file, index) => {
    const stem = stems[index] ?? '';
    const isRepeated = stems.filter((other) => other === stem).length > 1;
    const variable = isRepeated && file.layer !== undefined ? `.${toDatasetIdPart(file.layer)}` : '';
    return cutDatasetId(`${dataset_id}.${stem}${variable}`);
  });
  return numberRepeated(names);
}

/**
 * Appends a number to repeated names (`a`, `a-2`). A number that another file has in its own name is skipped: `a`, `a`,
 * `a-2` become `a`, `a-3`, `a-2`. Names that differ in case only count as repeated, because the file system of a lake
 * can be case-insensitive.
 */
function numberRepeated(names: readonly string[]): string[] {
  const original = new Set(names.map(foldCase));
  const used = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 2; used.has(foldCase(unique)) || (unique !== name && original.has(foldCase(unique))); number++) {
      const suffix = `-${number}`;
      unique = `${cutDatasetId(name, suffix.length)}${suffix}`;
    }
    used.add(foldCase(unique));
    return unique;
  });
}

/** The first characters of a name that can be a dataset id with `space` more ASCII characters. */
function cutDatasetId(name: string, space = 0): string {
  const characters = [...name].slice(0, MAX_DATASET_ID - space).join('');
  return truncateToBytes(characters, MAX_DATASET_ID_BYTES - space);
}

function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** Replaces characters that a dataset id may not contain with `_`. */
function toDatasetIdPart(name: string): string {
  return name.normalize('NFC').replaceAll(/[^\p{L}\p{N}._-]+/gu, '_') || '_';
}
