import { type ReactNode, useId } from 'react';

export interface CardProps {
  title: string;
  aside?: ReactNode;
  /** The content reaches the edges: a table. */
  flush?: boolean;
  children: ReactNode;
}

/** A titled section of a page. */
export function Card({ title, aside, flush = false, children }: CardProps) {
  const id = useId();
  return (
    <section className="card" aria-labelledby={id}>
      <div className="card-head">
        <h2 id={id}>{title}</h2>
        {aside && <div className="card-aside">{aside}</div>}
      </div>
      <div className={flush ? 'card-flush' : 'card-body'}>{children}</div>
    </section>
  );
}
