import type { AssetView } from '../../../shared/api/views.ts';
import { count, counted } from '../ui/format.ts';

/** Rows or pixels of an asset, such as `177 features`. */
export function amountOf({ row_count, raster, kind }: AssetView): string {
  if (raster) return `${count(raster.width)} × ${count(raster.height)} pixels`;
  if (row_count === null) return '';
  return kind === 'tabular' ? counted(row_count, 'row') : counted(row_count, 'feature');
}
