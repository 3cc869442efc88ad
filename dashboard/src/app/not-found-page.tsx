import { Link } from 'react-router';
import { EmptyState } from '../ui/empty-state.tsx';
import { Page } from '../ui/page.tsx';

export function NotFoundPage() {
  return (
    <Page title="Page not found">
      <EmptyState title="This address does not belong to a page.">
        <Link to="/">Open the overview</Link>
      </EmptyState>
    </Page>
  );
}
