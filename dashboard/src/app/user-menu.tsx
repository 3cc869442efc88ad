import { useQuery } from '@tanstack/react-query';
import { sessionQuery } from '../api/queries.ts';

/** The user with the role, and the logout; nothing where no login is required. */
export function UserMenu() {
  const session = useQuery(sessionQuery).data;
  if (session?.login !== true) return null;
  return (
    <form className="account" method="post" action="/logout">
      <span>
        {session.user} <small>{session.role}</small>
      </span>
      <button type="submit" className="button">
        Log out
      </button>
    </form>
  );
}
