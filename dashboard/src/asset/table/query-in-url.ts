import { useSearchParams } from 'react-router';
import { useChangeParams } from '../../ui/use-change-params.ts';
import { type ColumnInfo, type Operator, OPERATORS, type RowQuery } from './messages.ts';

/**
 * The query and the page of the attribute table in the URL: `sort` and `order`, `where`, `is` and `value`, and `page`
 * from 1. Names of columns that the table does not have, or that are nested, are ignored.
 */
export function useQueryInUrl(columns: readonly ColumnInfo[]) {
  const [params] = useSearchParams();
  const change = useChangeParams();
  return {
    query: queryOf(params, columns),
    page: Math.max(1, Math.trunc(Number(params.get('page') ?? 1)) || 1),
    setQuery: ({ sort, filter }: RowQuery) =>
      change({
        sort: sort?.column,
        order: sort?.descending === true ? 'descending' : undefined,
        where: filter?.column,
        is: filter?.operator,
        value: filter?.text,
        page: undefined,
      }),
    setPage: (page: number) => change({ page: page === 1 ? undefined : String(page) }),
  };
}

export function queryOf(params: URLSearchParams, columns: readonly ColumnInfo[]): RowQuery {
  const columnOf = (parameter: string) =>
    columns.find(({ name, isNested }) => !isNested && name === params.get(parameter))?.name;
  const sort = columnOf('sort');
  const where = columnOf('where');
  const operator = OPERATORS.find((each) => each === params.get('is')) satisfies Operator | undefined;
  return {
    ...(sort === undefined ? {} : { sort: { column: sort, descending: params.get('order') === 'descending' } }),
    ...(where === undefined || operator === undefined
      ? {}
      : { filter: { column: where, operator, text: params.get('value') ?? '' } }),
  };
}
