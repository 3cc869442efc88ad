import { useMutation, useQueryClient } from '@tanstack/react-query';
import { sendJson } from '../api/client.ts';
import { useAnnounce } from '../ui/announcer.tsx';
import { counted } from '../ui/format.ts';

export type Decision = 'redrive' | 'discard';
const DONE: Record<Decision, string> = { redrive: 're-driven', discard: 'discarded' };

/** Re-drives or discards dead letters one after the other, and announces how many succeeded. */
export function useDecide(onDone: () => void) {
  const queryClient = useQueryClient();
  const announce = useAnnounce();
  return useMutation({
    mutationFn: async ({ ids, decision }: { ids: string[]; decision: Decision }) => {
      const errors: string[] = [];
      for (const id of ids)
        await sendJson('POST', `/api/dead-letters/${encodeURIComponent(id)}/${decision}`).catch((error: Error) =>
          errors.push(error.message),
        );
      return { done: ids.length - errors.length, errors };
    },
    onSuccess: async ({ done, errors }, { decision }) => {
      if (done > 0) announce(`${counted(done, 'dead letter')} ${DONE[decision]}.`);
      if (errors.length > 0)
        announce(`${counted(errors.length, 'dead letter')} could not be ${DONE[decision]}. ${errors[0]}`, 'failure');
      onDone();
      await queryClient.invalidateQueries({ queryKey: ['dead-letters'] });
      await queryClient.invalidateQueries({ queryKey: ['overview'] });
    },
  });
}
