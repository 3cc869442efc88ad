import { useQuery } from '@tanstack/react-query';
import { NavLink } from 'react-router';
import { overviewQuery } from '../api/queries.ts';
import { count } from '../ui/format.ts';

const PAGES = [
  { to: '/', name: 'Overview' },
  { to: '/upload', name: 'Upload' },
  { to: '/join', name: 'Join' },
  { to: '/runs', name: 'Runs' },
  { to: '/datasets', name: 'Datasets' },
  { to: '/functions', name: 'Functions' },
  { to: '/dead-letters', name: 'Dead letters' },
  { to: '/activity', name: 'Activity' },
  { to: '/reconcile', name: 'Reconcile' },
];

/** The links to the pages, with what needs attention. */
export function Navigation() {
  const { data } = useQuery(overviewQuery);
  const badges: Record<string, { number: number; tone: string } | undefined> = {
    '/runs': data && { number: data.running, tone: 'running' },
    '/dead-letters': data && { number: data.dead_letters, tone: 'failure' },
  };
  return (
    <nav aria-label="Pages">
      <ul className="nav-list">
        {PAGES.map(({ to, name }) => (
          <li key={to}>
            <NavLink to={to} end={to === '/'} className="nav-link">
              <span>{name}</span>
              <Badge {...badges[to]} />
            </NavLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Badge({ number = 0, tone }: { number?: number; tone?: string }) {
  if (number === 0) return null;
  return (
    <span className="nav-badge" data-tone={tone}>
      {count(number)}
    </span>
  );
}
