import type { AssetDetailView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { Facts } from '../ui/facts.tsx';
import { bytes, count, exactTime } from '../ui/format.ts';
import { amountOf } from './amount.ts';

/** Decimals of degrees in bounds: about one meter. */
const BOUNDS_DECIMALS = 5;

export function AssetFacts({ asset }: { asset: AssetDetailView }) {
  const { raster, data_time: time, rejected_rows: rejected } = asset;
  return (
    <Card title="Facts">
      <Facts
        facts={[
          ['Content', amountOf(asset)],
          ['Geometry', asset.geometry_types.join(', ')],
          ['CRS', asset.crs],
          ['Bounding box', asset.bbox && boundsOf(asset.bbox)],
          ['Pixel size', raster && raster.resolution.map((size) => Number(size.toPrecision(6))).join(' × ')],
          ['Bands', raster && bandsOf(raster)],
          ['Overviews', raster && raster.overviews.join(', ')],
          ['Time', time && [...new Set([time.start, time.end])].map((each) => exactTime(each)).join(' to ')],
          ['Rejected rows', rejected && count(rejected.count)],
          [
            'Recipe',
            asset.recipe.steps.length > 0
              ? `${asset.recipe.name}: ${asset.recipe.steps.join(', ')}`
              : asset.recipe.name,
          ],
          ['Size', bytes(asset.size_bytes)],
          ['Object', <code key="key">{asset.s3_key}</code>],
          ['SHA-256', <code key="hash">{asset.content_hash}</code>],
          ['Asset', <code key="id">{asset.id}</code>],
        ]}
      />
    </Card>
  );
}

export function boundsOf([west, south, east, north]: NonNullable<AssetDetailView['bbox']>): string {
  const degrees = (value: number) => String(Number(value.toFixed(BOUNDS_DECIMALS)));
  const across = west > east ? ' (across longitude 180)' : '';
  return `west ${degrees(west)}, south ${degrees(south)}, east ${degrees(east)}, north ${degrees(north)}${across}`;
}

const MAX_BANDS = 6;

function bandsOf({ bands }: NonNullable<AssetDetailView['raster']>): string {
  const names = bands.slice(0, MAX_BANDS).map(({ description, data_type, unit }) => {
    const unitText = unit === undefined ? '' : ` ${unit}`;
    return `${description === null ? '' : `${description}: `}${data_type}${unitText}`;
  });
  return [...names, ...(bands.length > MAX_BANDS ? [`and ${bands.length - MAX_BANDS} more`] : [])].join('; ');
}
