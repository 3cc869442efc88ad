import { createColumnHelper, type TableOptions, tableFeatures, useTable } from '@tanstack/react-table';

/** The pages sort and page on the server, so the table needs no further features. */
const features = tableFeatures({});
type Features = typeof features;

/** Creates the columns of rows. Call it outside of components. */
export function columnHelper<Row extends object>() {
  return createColumnHelper<Features, Row>();
}

export interface DataTableProps<Row extends object> {
  /** For screen readers. */
  caption: string;
  columns: TableOptions<Features, Row>['columns'];
  rows: Row[];
  rowId: (row: Row) => string;
}

/** A table. On a narrow screen, each row becomes a block with the name of the column before each value. */
export function DataTable<Row extends object>({ caption, columns, rows, rowId }: DataTableProps<Row>) {
  const table = useTable({ features, columns, data: rows, getRowId: rowId });
  return (
    <div className="table-frame">
      <table className="table" role="table">
        <caption className="visually-hidden">{caption}</caption>
        <thead role="rowgroup">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} role="row">
              {group.headers.map((header) => (
                <th key={header.id} role="columnheader" scope="col" data-column={header.column.id}>
                  <table.FlexRender header={header} />
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody role="rowgroup">
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} role="row">
              {row.getAllCells().map((cell) => (
                <td
                  key={cell.id}
                  role="cell"
                  data-column={cell.column.id}
                  data-label={labelOf(cell.column.columnDef.header)}
                >
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function labelOf(header: unknown): string {
  return typeof header === 'string' ? header : '';
}
