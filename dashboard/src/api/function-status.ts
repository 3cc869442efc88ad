/** A function in the REST API of OpenFaaS, as /system/functions returns it. */
export interface FunctionStatus {
  name: string;
  image: string;
  envVars: Record<string, string>;
  annotations: Record<string, string>;
  limits?: { memory?: string; cpu?: string };
  /** Calls since the start of the gateway. */
  invocationCount: number;
  replicas: number;
  availableReplicas: number;
}
