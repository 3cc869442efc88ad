import { useEffect, useRef, useState } from 'react';
import { Outlet, useLocation } from 'react-router';
import { UserMenu } from './user-menu.tsx';
import { Navigation } from './navigation.tsx';
import { ThemeSwitch } from './theme-switch.tsx';

/** The frame of all pages. A change of the page moves the focus to its content, as a page load does. */
export function Layout() {
  const { pathname } = useLocation();
  const [menuPath, setMenuPath] = useState<string>();
  const content = useFocusOnNavigation(pathname);
  const menuIsOpen = menuPath === pathname;
  return (
    <div className="frame">
      <a className="skip-link" href="#content">
        Skip to the content
      </a>
      <header className="sidebar" data-open={menuIsOpen}>
        <div className="sidebar-head">
          <span className="brand">
            <img src={`${import.meta.env.BASE_URL}favicon.svg`} alt="" width="26" height="26" />
            Sluice
          </span>
          <button
            type="button"
            className="button menu-button"
            aria-expanded={menuIsOpen}
            aria-controls="navigation"
            onClick={() => setMenuPath(menuIsOpen ? undefined : pathname)}
          >
            Menu
          </button>
        </div>
        <div className="sidebar-body" id="navigation">
          <Navigation />
          <div className="sidebar-foot">
            <UserMenu />
            <ThemeSwitch />
          </div>
        </div>
      </header>
      <main id="content" ref={content} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

function useFocusOnNavigation(pathname: string) {
  const content = useRef<HTMLElement>(null);
  const shown = useRef(pathname);
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    content.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);
  return content;
}
