import type { FunctionStatus } from '../api/function-status.ts';
import { StatusBadge } from '../ui/status-badge.tsx';

/** Whether the function can be called. */
export function FunctionState({ fn }: { fn: FunctionStatus }) {
  if (fn.replicas === 0) return <StatusBadge status="canceled" label="scaled to 0" />;
  if (fn.availableReplicas === 0) return <StatusBadge status="failure" label="not available" />;
  return <StatusBadge status="success" label="ready" />;
}
