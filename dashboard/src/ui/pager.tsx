import { useSearchParams } from 'react-router';
import { PAGE_SIZE } from '../api/queries.ts';

/** The page number of the URL. */
export function usePage(): number {
  const [params] = useSearchParams();
  const page = Number(params.get('page') ?? 1);
  return Number.isInteger(page) && page > 0 ? page : 1;
}

/** The rows of a page: a list query reads one row more than a page has. */
export function pageOf<Row>(rows: Row[]): Row[] {
  return rows.slice(0, PAGE_SIZE);
}

/** Links to the neighboring pages of a list. `rows` are the rows of the query. */
export function Pager({ rows, page }: { rows: unknown[]; page: number }) {
  const [, setParams] = useSearchParams();
  const hasNext = rows.length > PAGE_SIZE;
  if (page === 1 && !hasNext) return null;
  const open = (to: number) =>
    setParams((params) => {
      if (to === 1) params.delete('page');
      else params.set('page', String(to));
      return params;
    });
  return (
    <nav className="pager" aria-label="Pages of the list">
      <button type="button" className="button" disabled={page === 1} onClick={() => open(page - 1)}>
        Newer
      </button>
      <span className="muted">Page {page}</span>
      <button type="button" className="button" disabled={!hasNext} onClick={() => open(page + 1)}>
        Older
      </button>
    </nav>
  );
}
