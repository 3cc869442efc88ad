import { useCallback } from 'react';
import { useSearchParams } from 'react-router';
import { useChangeParams } from '../ui/use-change-params.ts';

/** The selected row of an asset, from 0. The URL has it as `row`, from 1, as the table shows it. */
export function useSelectedRow(
  rowCount: number | null,
): [row: number | undefined, select: (row: number | undefined) => void] {
  const [params] = useSearchParams();
  const change = useChangeParams();
  const number = Number(params.get('row') ?? NaN);
  const exists = Number.isInteger(number) && number >= 1 && number <= (rowCount ?? Infinity);
  const select = useCallback(
    (row: number | undefined) => change({ row: row === undefined ? undefined : String(row + 1) }),
    [change],
  );
  return [exists ? number - 1 : undefined, select];
}
