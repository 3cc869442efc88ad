import type { ReactNode } from 'react';
import type { JoinPreviewView } from '../../../shared/api/views.ts';
import { count, counted } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';

/** How many rows match, and keys that do not. */
export function PreviewCounts({ preview }: { preview: JoinPreviewView }) {
  const { spatial, tabular, join, duplicates } = preview;
  return (
    <>
      <div className="figures preview-figures">
        <Figure name="Features with a row" value={spatial.matched_rows} detail={shareOf(spatial, 'feature')} />
        <Figure name="Rows with a feature" value={tabular.matched_rows} detail={shareOf(tabular, 'row')} />
        <Figure
          name="Joined features"
          value={preview.row_count}
          detail={`with ${counted(preview.column_count, 'column')}`}
        />
      </div>
      {join.matched_rows === 0 && spatial.row_count > 0 && tabular.row_count > 0 && (
        <Notice tone="warning" title="No key matches.">
          <p>Check that you chose the right keys, and that both sides write their values in the same way.</p>
        </Notice>
      )}
      <div className="preview-keys">
        <Keys
          title="Feature keys without a row"
          count={join.unmatched_spatial.count}
          keys={join.unmatched_spatial.sample}
          none="Each feature key has a row."
          missing={join.null_keys?.spatial ?? 0}
          row="feature"
        />
        <Keys
          title="Table keys without a feature"
          count={join.unmatched_tabular.count}
          keys={join.unmatched_tabular.sample}
          none="Each table key has a feature."
          missing={join.null_keys?.tabular ?? 0}
          row="row"
        />
        <Keys
          title="Table keys in several rows"
          count={duplicates.count}
          keys={duplicates.sample.map(({ key, rows }) => `${key} (${counted(rows, 'row')})`)}
          none="Each table key is in one row."
        />
      </div>
    </>
  );
}

function Figure({ name, value, detail }: { name: string; value: number; detail: string }) {
  return (
    <div className="figure">
      <span className="figure-name">{name}</span>
      <span className="figure-value">{count(value)}</span>
      <span className="figure-detail">{detail}</span>
    </div>
  );
}

/** For example: `of 177 features (98%)`. Only all rows are 100%, and only none are 0%. */
function shareOf({ row_count, matched_rows }: JoinPreviewView['spatial'], row: string): string {
  if (row_count === 0) return `of ${counted(0, row)}`;
  const percent = (100 * matched_rows) / row_count;
  const shown = percent < 50 ? Math.ceil(percent) : Math.floor(percent);
  return `of ${counted(row_count, row)} (${shown}%)`;
}

interface KeysProps {
  title: string;
  count: number;
  keys: readonly string[];
  /** Shown if there are no such keys. */
  none: string;
  /** Rows without a key. */
  missing?: number;
  row?: string;
}

function Keys({ title, count: number, keys, none, missing = 0, row = 'row' }: KeysProps): ReactNode {
  return (
    <section>
      <h3>
        {title} <span className="muted">{count(number)}</span>
      </h3>
      {number === 0 ? (
        <p className="small muted">{none}</p>
      ) : (
        <ul className="key-list">
          {keys.map((key, index) => (
            <li key={index} className="key">
              {key === '' ? <span className="cell-null">empty text</span> : key}
            </li>
          ))}
          {number > keys.length && <li className="small muted">and {count(number - keys.length)} more</li>}
        </ul>
      )}
      {missing > 0 && <p className="small muted">{counted(missing, row)} without a key.</p>}
    </section>
  );
}
