import { html } from 'hono/html';

/** The login page. It works without JavaScript. */

export interface LoginPage {
  /** The path to open after the login. */
  next: string;
  /** Name of the user, after a failed login. */
  name?: string;
  error?: string;
  /** Whether an OpenID provider is configured. */
  hasProvider: boolean;
}

export function loginPage({ next, name = '', error, hasProvider }: LoginPage) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Log in – Sluice</title>
        <link rel="stylesheet" href="/login/style.css" />
      </head>
      <body>
        <main>
          <h1>Sluice</h1>
          ${error === undefined ? '' : html`<p class="error" role="alert">${error}</p>`}
          <form method="post" action="/login">
            <input type="hidden" name="next" value="${next}" />
            <label for="name">User</label>
            <input
              id="name"
              name="name"
              value="${name}"
              autocomplete="username"
              autocapitalize="none"
              spellcheck="false"
              required
              autofocus
            />
            <label for="password">Password</label>
            <input id="password" name="password" type="password" autocomplete="current-password" required />
            <button type="submit">Log in</button>
          </form>
          ${
            hasProvider
              ? html`<p>
                  <a href="/login/oidc?${new URLSearchParams({ next }).toString()}">Log in with your company account</a>
                </p>`
              : ''
          }
        </main>
      </body>
    </html>`;
}

/** A page that opens another one. A redirect from the page of a provider would not send the new session cookie. */
export function forwardPage(next: string) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="refresh" content="0; url=${next}" />
        <title>Sluice</title>
      </head>
      <body>
        <p><a href="${next}">Continue</a></p>
      </body>
    </html>`;
}

/** The colors are those of the dashboard. */
export const LOGIN_STYLE = `:root {
  color-scheme: light dark;
  --canvas: light-dark(#f5f7f8, #0f171c);
  --surface: light-dark(#ffffff, #172127);
  --text: light-dark(#14212a, #e6edf0);
  --border: light-dark(#8a979d, #71838d);
  --accent: light-dark(#0b6b62, #4cc2b3);
  --on-accent: light-dark(#ffffff, #06211e);
  --focus: light-dark(#1558d6, #8ab4ff);
  --failure: light-dark(#b3261e, #ff9a92);
}
* { box-sizing: border-box; }
body {
  margin: 0;
  min-height: 100vh;
  display: grid;
  place-items: center;
  padding: 1rem;
  background: var(--canvas);
  color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
}
main {
  width: 100%;
  max-width: 22rem;
  padding: 2rem;
  background: var(--surface);
  border-radius: 8px;
  box-shadow: 0 1px 4px rgb(0 0 0 / 20%);
}
h1 { margin: 0 0 1rem; font-size: 1.5rem; }
label { display: block; margin: 1rem 0 0.25rem; font-weight: 600; }
input {
  width: 100%;
  padding: 0.5rem 0.75rem;
  font: inherit;
  color: inherit;
  background: transparent;
  border: 1px solid var(--border);
  border-radius: 5px;
}
button {
  width: 100%;
  margin-top: 1.5rem;
  padding: 0.625rem;
  font: inherit;
  font-weight: 600;
  color: var(--on-accent);
  background: var(--accent);
  border: 0;
  border-radius: 5px;
  cursor: pointer;
}
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
a { color: var(--accent); }
.error { color: var(--failure); font-weight: 600; }
`;
