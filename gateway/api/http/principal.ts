import type { Context } from 'hono';
import type { Principal } from '../../access/access.ts';

const PRINCIPAL = 'principal';

/** The user of a request. Undefined without access control, and on public routes. */
export function principalOf(c: Context): Principal | undefined {
  return c.get(PRINCIPAL) as Principal | undefined;
}

const CHECK = 'accessCheck';

/** Whether the request still has access: the session, the token or the user can end before a long response. */
export async function stillHasAccess(c: Context): Promise<boolean> {
  const check = c.get(CHECK) as (() => Promise<boolean>) | undefined;
  return check === undefined || check();
}

export function setAccessCheck(c: Context, check: () => Promise<boolean>): void {
  c.set(CHECK, check);
}

export function setPrincipal(c: Context, principal: Principal): void {
  c.set(PRINCIPAL, principal);
}
