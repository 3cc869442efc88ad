import { openParquet, type ParquetFile } from '../parquet/parquet-file.ts';
import { typeName, isNumeric, valueType } from '../parquet/stored-types.ts';
import { DataError } from '../worker/data-error.ts';
import { rangedFile, type RemoteFile } from '../worker/ranged-file.ts';
import { serveCalls } from '../worker/worker-call.ts';
import { summarizeColumn } from './column-summary.ts';
import type { ColumnInfo, ColumnSummary, OpenedTable, PageQuery, TablePage, TableRow } from './messages.ts';
import { PageReader } from './page-reader.ts';
import { type RowOrder, rowOrder } from './row-order.ts';

/** The functions of the worker for attribute tables. */

let opened: { parquet: ParquetFile; pages: PageReader } | undefined;
let lastOrder: { key: string; order: RowOrder } | undefined;

function open() {
  if (!opened) throw new DataError('The file is not open.');
  return opened;
}

/** The order of the rows is kept while the user pages. */
async function orderOf({ sort, filter }: PageQuery, signal: AbortSignal): Promise<RowOrder> {
  const key = JSON.stringify([sort, filter]);
  if (lastOrder?.key === key) return lastOrder.order;
  lastOrder = undefined;
  const query = { ...(sort ? { sort } : {}), ...(filter ? { filter } : {}) };
  const order = await rowOrder(open().parquet, query, signal);
  lastOrder = { key, order };
  return order;
}

const methods = {
  open: async (file: RemoteFile): Promise<OpenedTable> => {
    const parquet = await openParquet(rangedFile(file));
    opened = { parquet, pages: new PageReader(parquet) };
    const columns = parquet.columns.map(({ name, element }): ColumnInfo => {
      if (!element) return { name, type: 'nested', isNumeric: false, isNested: true };
      const type = valueType(element);
      return { name, type: typeName(type), isNumeric: isNumeric(type), isNested: false };
    });
    return { columns, rowCount: parquet.rowCount };
  },
  page: async (query: PageQuery, _part: unknown, signal: AbortSignal): Promise<TablePage> => {
    const { rows, total, searched } = await orderOf(query, signal);
    const length = Math.max(0, Math.min(query.limit, total - query.offset));
    const numbers = Array.from({ length }, (_, index) => rows?.[query.offset + index] ?? query.offset + index);
    return { rows: await open().pages.read(numbers), total, searched };
  },
  row: async (row: number): Promise<TableRow | undefined> => (await open().pages.read([row]))[0],
  summarize: (name: string, _part: unknown, signal: AbortSignal): Promise<ColumnSummary> =>
    summarizeColumn(open().parquet, name, signal),
};

export type TableMethods = typeof methods;

serveCalls(methods);
