import type { JoinPreviewView } from '../../../shared/api/views.ts';
import { counted } from '../ui/format.ts';

const SIDES = { spatial: 'Features', tabular: 'Table' };

/** The first joined rows that have a match. */
export function PreviewRows({ sample: { columns, rows }, notes }: Pick<JoinPreviewView, 'sample' | 'notes'>) {
  return (
    <div className="preview-rows">
      {rows.length > 0 && (
        <>
          <h3>{rows.length === 1 ? 'The first joined row' : `The first ${rows.length} joined rows`}</h3>
          <div className="table-scroll" role="region" aria-label="Joined rows" tabIndex={0}>
            <table className="cells">
              <thead>
                <tr>
                  {columns.map(({ name, side }) => (
                    <th key={name} scope="col">
                      {name} <span className="preview-side">{SIDES[side]}</span>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row, index) => (
                  <tr key={index}>
                    {row.map((value, column) => (
                      <td key={column}>{value ?? <span className="cell-null">null</span>}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      {notes.length > 0 && (
        <details>
          <summary>{counted(notes.length, 'note')} about columns</summary>
          <ul className="preview-notes">
            {notes.map(({ message }) => (
              <li key={message}>{message}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
