import { z } from 'zod';
import { readStack, STACK_FILE, type StackFunction } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../api/deps.ts';
import { type Deployments, notDeployed, type OwnSettings } from './deployments.ts';
import { settingsOf } from './function-status.ts';

const Texts = z.record(z.string(), z.string()).nullish();

/** The request of `faas-cli deploy`. */
export const DeploySchema = z.looseObject({
  service: z.string(),
  image: z.string().default(''),
  namespace: z.string().optional(),
  envVars: Texts,
  labels: Texts,
  annotations: Texts,
  secrets: z.array(z.string()).nullish(),
  limits: Texts,
  requests: Texts,
});
type Deployment = z.infer<typeof DeploySchema>;

/**
 * The function of a deployment, and the settings that it shall have of its own: the environment that differs from that
 * of the gateway and of stack.yml, and the secrets that stack.yml does not list. Throws FUNCTION_NOT_FOUND for an
 * update of a function that is not deployed, and REQUEST_INVALID for what this gateway cannot change.
 */
export async function checkDeployment(
  request: Deployment,
  deployments: Deployments,
  { isUpdate, stack, env }: Pick<GatewayDeps, 'stack' | 'env'> & { isUpdate: boolean },
): Promise<{ fn: StackFunction; own: OwnSettings }> {
  const { service, image } = request;
  if (isUpdate && deployments.find(service) === undefined) throw notDeployed(service);
  const fn = stack.find(service);
  const details = { function: service };
  if (fn === undefined) {
    const known = stack.functions.map(({ name }) => name).join(', ');
    const text = `Function ${JSON.stringify(service)} is not part of stack.yml. This gateway runs only ${known}.`;
    throw new SluiceError('REQUEST_INVALID', text, { details });
  }
  if (imageName(image) !== imageName(fn.image))
    throw new SluiceError(
      'REQUEST_INVALID',
      `This gateway runs the functions of its own installation, not images. ${service} has the image ${fn.image}, ` +
        `not ${JSON.stringify(image)}.`,
      { details },
    );
  const changed =
    firstOther(request.labels, fn.labels) ??
    firstOther(request.annotations, fn.annotations) ??
    firstOther(request.limits, fn.limits) ??
    firstOther(request.requests, fn.requests);
  if (changed !== undefined)
    throw new SluiceError(
      'REQUEST_INVALID',
      `This gateway cannot change ${changed} of ${service}. Set it in stack.yml, and start Sluice again.`,
      { details: { ...details, field: changed } },
    );
  // faas-cli expands the variables of stack.yml in its own environment, which lacks those of the gateway's .env.
  const defaults = (await readStack(STACK_FILE, {})).find(service)?.environment ?? {};
  // The functions use the address of this gateway. faas-cli sends that of its own environment.
  const { SLUICE_URL: _address, ...variables } = request.envVars ?? {};
  const own = {
    settings: otherThan(variables, settingsOf(fn, env), fn.environment, defaults, {}),
    secrets: (request.secrets ?? []).filter((secret) => !fn.secrets.includes(secret)),
  };
  deployments.checkSettings(fn, own);
  return { fn, own };
}

type Fields = Partial<Record<string, string>>;

/** The first field whose value is not that of the record. A missing field is an empty value. */
function firstOther(fields: Deployment['labels'], record: Fields): string | undefined {
  return Object.keys(otherThan(fields, record))[0];
}

/** The fields whose value is in none of the records. A missing field is an empty value. */
function otherThan(fields: Deployment['labels'], ...records: Fields[]): Record<string, string> {
  const isOther = ([name, value]: [string, string]) => !records.some((record) => (record[name] ?? '') === value);
  return Object.fromEntries(Object.entries(fields ?? {}).filter(isOther));
}

/** The name of an image without its registry and version. */
function imageName(image: string): string {
  return image.split('/').at(-1)?.split(/[:@]/)[0] ?? '';
}
