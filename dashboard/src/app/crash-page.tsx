import { useRouteError } from 'react-router';
import { EmptyState } from '../ui/empty-state.tsx';
import { Page } from '../ui/page.tsx';

/** Shown in place of a page whose code failed. */
export function CrashPage() {
  const error = useRouteError();
  return (
    <Page title="The page could not be displayed">
      <EmptyState title={error instanceof Error ? error.message : String(error)}>
        <a href={location.href}>Load the page again</a>. If this message appears again, report it.
      </EmptyState>
    </Page>
  );
}
