import { type ReactNode, useEffect } from 'react';
import { Link } from 'react-router';

export interface PageProps {
  title: string;
  /** Shown instead of the title, which remains the title of the document. */
  heading?: ReactNode;
  /** The list that the page belongs to. */
  parent?: { to: string; name: string };
  actions?: ReactNode;
  /** One line below the heading. */
  summary?: ReactNode;
  children: ReactNode;
}

/** A page with its heading. */
export function Page({ title, heading, parent, actions, summary, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Sluice`;
  }, [title]);
  return (
    <div className="page">
      <div className="page-head">
        <div className="page-title">
          {parent && (
            <Link className="page-parent" to={parent.to}>
              {parent.name}
            </Link>
          )}
          <h1>{heading ?? title}</h1>
          {summary && <div className="page-summary">{summary}</div>}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </div>
      {children}
    </div>
  );
}
