import { type PortName, PORTS } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Context } from './context.ts';

/**
 * The context of one function. A port that `needs` does not list throws CONFIG_INVALID at its first use, so that a
 * missing declaration in stack.yml is found in development, where all ports are open, and not only in a container.
 */
export function withDeclaredPorts(context: Context, functionName: string, needs: readonly PortName[]): Context {
  const undeclared = PORTS.filter((port) => !needs.includes(port));
  return {
    ...context,
    ...Object.fromEntries(undeclared.map((port) => [port, undeclaredPort(functionName, port)])),
  };
}

/** Takes the place of a port that a function does not declare. */
export function undeclaredPort<T extends object>(functionName: string, port: PortName): T {
  return new Proxy({} as T, {
    get() {
      throw new SluiceError(
        'CONFIG_INVALID',
        `Function ${functionName} uses the port ${port}, which its annotation sluice.needs in stack.yml does not list.`,
        { details: { function: functionName, port } },
      );
    },
  });
}
