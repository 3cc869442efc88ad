import { type Context, Hono } from 'hono';
import { z } from 'zod';
import type { StackFunction } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import { recordActivity } from '../http/record-activity.ts';
import { operatorOf, parseQuery, readJson } from '../http/request-fields.ts';
import { NAMESPACE, requireNamespace } from '../../openfaas/function-status.ts';
import type { Deployments } from '../../openfaas/deployments.ts';
import { MAX_SECRET_BYTES } from '../../openfaas/secret-store.ts';

const SecretsQuery = z.object({ namespace: z.string().optional() });
/** Its error has a fixed message, because the default message quotes the input, which can be a secret. */
const SecretText = z.custom<string>((input) => typeof input === 'string', 'must be a string');
const SecretFields = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  value: SecretText.optional(),
  /** Base64. It takes precedence, as in OpenFaaS: faas-cli sends the content of a file as both. */
  rawValue: SecretText.pipe(z.base64('must be base64')).optional(),
});
const SecretSchema = z
  .custom<object>((input) => typeof input === 'object' && input !== null, 'must be an object')
  .pipe(SecretFields);
type Secret = z.infer<typeof SecretSchema>;

/** `value` and `rawValue`: a character of a value can be an escape of six bytes. */
const MAX_BODY_BYTES = 8 * MAX_SECRET_BYTES;

const VERBS = { secret_created: 'created', secret_updated: 'updated', secret_removed: 'removed' } as const;

/**
 * GET /system/secrets returns the names of the secrets; POST creates one, PUT changes its value, and DELETE removes it.
 * An existing name is 409 for POST, an unknown name 404 for PUT and DELETE, and a secret that a deployed function uses
 * 409 for DELETE. No response, log line or activity has a value.
 *
 * A gateway whose functions run in containers returns the names in stack.yml. Their platform stores the secrets.
 */
export function secretRoutes(deps: GatewayDeps): Hono {
  const { deployments, stack, ledger, log } = deps;
  const record = async (c: Context, activity: keyof typeof VERBS, name: string) => {
    await recordActivity(c, ledger, {
      activity,
      did: `${VERBS[activity]} the secret ${name}`,
      details: { secret: name },
    });
    log.info({ operator: operatorOf(c), secret: name, activity }, 'Secret:Change:Started');
  };
  const change = async (c: Context, act: (deployments: Deployments, secret: Secret) => Promise<void>) => {
    if (deployments === undefined)
      throw new SluiceError(
        'CONFIG_INVALID',
        'The functions of this gateway run in containers. Write their secrets to files, as docs/compose.md ' +
          'describes, or create them with kubectl.',
      );
    const secret = await readJson(c.req.raw, SecretSchema, MAX_BODY_BYTES);
    requireNamespace(secret.namespace);
    await act(deployments, secret);
    return c.body(null, 202);
  };
  return new Hono()
    .get('/system/secrets', (c) => {
      requireNamespace(parseQuery(SecretsQuery, c).namespace);
      const names = deployments?.secrets.names ?? declaredSecrets(stack.functions);
      return c.json(names.map((name) => ({ name, namespace: NAMESPACE })));
    })
    .post('/system/secrets', (c) =>
      change(c, async ({ secrets: store }, { name, ...secret }) => {
        store.checkCreate(name, valueOf(secret));
        await record(c, 'secret_created', name);
        store.create(name, valueOf(secret));
      }),
    )
    .put('/system/secrets', (c) =>
      change(c, async (deployments, { name, ...secret }) => {
        const store = deployments.secrets;
        store.checkUpdate(name, valueOf(secret));
        deployments.checkSecretValue(name, valueOf(secret));
        await record(c, 'secret_updated', name);
        store.update(name, valueOf(secret));
      }),
    )
    .delete('/system/secrets', (c) =>
      change(c, async (deployments, { name }) => {
        deployments.checkRemoveSecret(name);
        await record(c, 'secret_removed', name);
        deployments.removeSecret(name); // A function may have been deployed with it in the meantime.
      }),
    );
}

function valueOf({ value = '', rawValue = '' }: Pick<Secret, 'value' | 'rawValue'>): Buffer {
  return rawValue === '' ? Buffer.from(value) : Buffer.from(rawValue, 'base64');
}

function declaredSecrets(functions: readonly StackFunction[]): string[] {
  return [...new Set(functions.flatMap(({ secrets }) => secrets))].sort();
}
