import { count, counted } from '../../ui/format.ts';
import { ColumnFilter } from './column-filter.tsx';
import type { ColumnInfo, OpenedTable, RowQuery, TablePage } from './messages.ts';
import type { TableClient } from './use-table-file.ts';
import { useQueryInUrl } from './query-in-url.ts';
import { usePage } from './use-page.ts';

/** Rows in the order of another column are spread over the file, so a page reads many parts of it. */
const ROWS_PER_PAGE = 25;

interface AttributeRowsProps {
  client: TableClient;
  table: OpenedTable;
  selected: number | undefined;
  /** Absent for a table without a map. */
  onSelect?: (row: number) => void;
}

/** The rows of a Parquet file with paging, one sorted column and one filter. */
export function AttributeRows({ client, table, selected, onSelect }: AttributeRowsProps) {
  const { query, page: number, setQuery, setPage } = useQueryInUrl(table.columns);
  const offset = (number - 1) * ROWS_PER_PAGE;
  const { page, error, isLoading } = usePage(client, { ...query, offset, limit: ROWS_PER_PAGE });
  return (
    <div className="attribute-table">
      <ColumnFilter
        columns={table.columns}
        filter={query.filter}
        onFilter={(filter) => setQuery({ ...(query.sort ? { sort: query.sort } : {}), ...(filter ? { filter } : {}) })}
      />
      {error !== undefined && <p role="alert">{error}</p>}
      <div className="table-scroll" role="region" aria-label="Attributes" tabIndex={0} aria-busy={isLoading}>
        <table className="cells" data-loading={isLoading}>
          <Header columns={table.columns} sort={query.sort} onSort={(sort) => setQuery({ ...query, sort })} />
          <tbody>
            {page?.rows.map(({ row, cells }) => (
              <tr key={row} aria-selected={row === selected} onClick={onSelect && (() => onSelect(row))}>
                <th scope="row">{count(row + 1)}</th>
                {cells.map((cell, index) => (
                  <Cell key={index} text={cell} column={table.columns[index]} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {page?.total === 0 && <p className="table-empty">No row matches the filter. Change or clear the filter.</p>}
      </div>
      <div className="table-foot">
        <p role="status">{page ? pageNote(page, offset, table.rowCount) : 'Reading the table…'}</p>
        <div className="table-paging">
          <button
            type="button"
            className="button"
            disabled={number === 1}
            onClick={() => setPage(Math.min(number - 1, Math.ceil((page?.total ?? 0) / ROWS_PER_PAGE) || 1))}
          >
            Previous
          </button>
          <button
            type="button"
            className="button"
            disabled={offset + ROWS_PER_PAGE >= (page?.total ?? 0)}
            onClick={() => setPage(number + 1)}
          >
            Next
          </button>
        </div>
      </div>
    </div>
  );
}

function pageNote({ total, searched }: TablePage, offset: number, rowCount: number): string {
  if (total === 0) return '0 rows';
  if (offset >= total) return `The page is after the last of ${counted(total, 'row')}.`;
  const shown = `Rows ${count(offset + 1)} to ${count(Math.min(offset + ROWS_PER_PAGE, total))} of ${count(total)}`;
  if (searched === rowCount) return `${shown}.`;
  return `${shown}. Only the first ${counted(searched, 'row')} of ${count(rowCount)} were sorted and filtered.`;
}

function Cell({ text, column }: { text: string | null; column: ColumnInfo | undefined }) {
  if (text === null) return <td className="cell-null">null</td>;
  return (
    <td className={column?.isNumeric ? 'cell-number' : undefined} title={text.length > 40 ? text : undefined}>
      {text}
    </td>
  );
}

interface HeaderProps {
  columns: ColumnInfo[];
  sort: RowQuery['sort'];
  onSort: (sort: NonNullable<RowQuery['sort']>) => void;
}

function Header({ columns, sort, onSort }: HeaderProps) {
  return (
    <thead>
      <tr>
        <th scope="col">Row</th>
        {columns.map(({ name, type, isNested }) => {
          const descending = sort?.column === name ? sort.descending : undefined;
          const order = descending === undefined ? 'none' : descending ? 'descending' : 'ascending';
          return (
            <th key={name} scope="col" aria-sort={order}>
              <button
                type="button"
                className="sort-button"
                disabled={isNested}
                onClick={() => onSort({ column: name, descending: descending === false })}
              >
                <span>{name}</span>
                <span aria-hidden="true">{{ none: '', ascending: '▲', descending: '▼' }[order]}</span>
              </button>
              <span className="column-type">{type}</span>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}
