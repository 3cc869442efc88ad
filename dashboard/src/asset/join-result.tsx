import type { AssetDetailView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { Facts } from '../ui/facts.tsx';
import { count } from '../ui/format.ts';

type Unmatched = NonNullable<AssetDetailView['join']>['unmatched_spatial'];

/** Matched and unmatched keys of a joined asset. */
export function JoinResult({ asset: { join } }: { asset: AssetDetailView }) {
  if (join === undefined) return null;
  return (
    <Card title="Join">
      <Facts
        facts={[
          ['Matched rows', count(join.matched_rows)],
          ['Unmatched spatial keys', keysOf(join.unmatched_spatial)],
          ['Unmatched tabular keys', keysOf(join.unmatched_tabular)],
          [
            'Without key',
            join.null_keys && `${count(join.null_keys.spatial)} spatial, ${count(join.null_keys.tabular)} tabular`,
          ],
        ]}
      />
    </Card>
  );
}

/** For example: `12 keys, such as A1, A2`. */
function keysOf({ count: number, sample }: Unmatched): string {
  if (number === 0) return 'none';
  return `${count(number)} keys, such as ${sample.slice(0, 5).join(', ')}`;
}
