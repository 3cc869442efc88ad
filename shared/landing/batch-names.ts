import { truncateToBytes } from '#shared/text/truncate.ts';

/** What makes the names of a batch unique. */
export interface BatchMoment {
  now: Date;
  /** Hexadecimal digits: two batches of the same second differ in them. */
  random: string;
}

/**
 * The batch_id, and the name of its folder and manifest. They are unique, so that nothing in the landing zone is
 * overwritten, even if a `requested` batch_id is repeated.
 */
export function batchNames(
  { dataset, requested }: { dataset: string; requested?: string | undefined },
  moment: BatchMoment,
): { batchId: string; folder: string } {
  if (requested !== undefined) return { batchId: requested, folder: `${folderName(requested)}-${moment.random}` };
  const end = uniqueName(moment);
  return { batchId: `${dataset}-${end}`, folder: `${truncateToBytes(dataset, MAX_FOLDER_BYTES)}-${end}` };
}

/** `20250301T101530-3fa9c1`: names sort by time. */
function uniqueName({ now, random }: BatchMoment): string {
  return `${now.toISOString().replaceAll(/[-:]|\.\d+Z$/g, '')}-${random}`;
}

/** Part of the folder name that comes from the dataset or the batch_id. The whole name is limited to 233 bytes. */
const MAX_FOLDER_BYTES = 150;

/** A batch_id may contain any characters, such as `/` and `..`; the name of a folder may not. */
function folderName(batchId: string): string {
  return truncateToBytes(batchId.replaceAll(/[^\p{L}\p{N}_-]+/gu, '_'), MAX_FOLDER_BYTES);
}
