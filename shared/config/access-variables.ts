import { z } from 'zod';
import { headerText, httpUrl, optional, wholeNumber } from './env-rules.ts';
import { MAX_PASSWORD_CHARACTERS, WITHOUT_CONTROL_CHARACTERS } from './secret-rules.ts';

/** A secret that people type, which can contain spaces. */
const password = z
  .string()
  .max(MAX_PASSWORD_CHARACTERS)
  .regex(WITHOUT_CONTROL_CHARACTERS, 'must not contain control characters')
  .optional();

/** `admin=GROUP,viewer=*`: the value of the claim that a user needs for a role. */
const roleMapping = z
  .string()
  .trim()
  .regex(
    /^(?:viewer|operator|admin)=[^,=\s]+(?:,(?:viewer|operator|admin)=[^,=\s]+)*$/,
    'must be a list such as admin=sluice-admins,operator=gis,viewer=*',
  )
  .optional();

/** The users of the gateway, and the login of the command line. */
export const ACCESS_VARIABLES = {
  SLUICE_ADMIN_PASSWORD: password.describe(
    'Password of the user admin. If it is set, the gateway requires a login on 127.0.0.1, too.',
  ),
  SLUICE_USERS: optional.describe(
    'JSON document with the users, in the format of SLUICE_USERS_FILE. It replaces that file.',
  ),
  SLUICE_USERS_FILE: optional.describe(
    'File of the users, which `sluice users` changes. Default: SLUICE_HOME/users.json, if it exists.',
  ),
  SLUICE_SESSION_KEY: headerText
    .optional()
    .describe('Key of the signatures of sessions. Default: generated, in the control database or in SLUICE_HOME.'),
  SESSION_HOURS: wholeNumber(12, 1, 720).describe('Time after which a user has to log in again.'),
  SESSION_IDLE_MINUTES: wholeNumber(120, 1, 43_200).describe('Time without a request after which a session ends.'),
  TRUSTED_PROXIES: wholeNumber(0, 0, 10).describe(
    'Number of proxies before the gateway that set X-Forwarded-For and X-Forwarded-Proto. 0 ignores these headers.',
  ),
  METRICS_TOKEN: headerText.optional().describe('Bearer token of /metrics for Prometheus, with access control.'),
  OIDC_ISSUER: httpUrl.describe('URL of an OpenID provider, whose users can log in to the dashboard.'),
  OIDC_CLIENT_ID: headerText.optional().describe('Client id of Sluice at the OpenID provider.'),
  OIDC_CLIENT_SECRET: headerText.optional().describe('Client secret of Sluice at the OpenID provider.'),
  OIDC_SCOPES: z.string().trim().default('openid profile email').describe('Scopes that the login requests.'),
  OIDC_ROLE_CLAIM: z
    .string()
    .trim()
    .min(1)
    .default('groups')
    .describe('OpenID claim with the roles or groups of a user.'),
  OIDC_ROLES: roleMapping.describe(
    'Role for each value of the OpenID claim: admin=sluice-admins,operator=gis,viewer=*. `*` is every user of the ' +
      'provider.',
  ),
  SLUICE_TOKEN: headerText.optional().describe('Token of `sluice users token`, for the command line.'),
  SLUICE_USER: optional.describe('User of the command line, if it has no token.'),
  SLUICE_PASSWORD: password.describe('Password of SLUICE_USER.'),
};
