import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import type { RunView } from '../../../shared/api/views.ts';
import { sendJson } from '../api/client.ts';
import { runQuery } from '../api/queries.ts';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { useAnnounce } from '../ui/announcer.tsx';

/** Rerun an ended run, or cancel a running one. */
export function RunActions({ run }: { run: RunView }) {
  const { run_id: runId } = run;
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const announce = useAnnounce();
  const path = `/api/runs/${runId}`;
  const onError = (error: Error) => announce(error.message, 'failure');
  const rerun = useMutation({
    mutationFn: (force: boolean) =>
      sendJson<RunView>('POST', `${path}/rerun`, { request_id: crypto.randomUUID?.(), force }),
    onSuccess: (created) => {
      announce('A new run of the same manifest was started.');
      void navigate(`/runs/${created.run_id}`);
    },
    onError,
  });
  const cancel = useMutation({
    mutationFn: () => sendJson<RunView>('POST', `${path}/cancel`),
    onSuccess: (canceled) => {
      queryClient.setQueryData(runQuery(runId ?? '').queryKey, canceled);
      announce('The run was canceled.');
    },
    onError,
  });
  if (runId === null) return null;
  if (run.status === 'running')
    return (
      <ConfirmButton
        label="Cancel run"
        title="Cancel this run?"
        disabled={cancel.isPending}
        onConfirm={() => cancel.mutate()}
      >
        <p>The current step is stopped and its working data is deleted. Assets of earlier runs are not affected.</p>
        <p>A canceled run cannot continue. You can rerun it from the beginning.</p>
      </ConfirmButton>
    );
  return <Rerun isSuccess={run.status === 'success'} isPending={rerun.isPending} onRerun={rerun.mutate} />;
}

interface RerunProps {
  isSuccess: boolean;
  isPending: boolean;
  onRerun: (force: boolean) => void;
}

function Rerun({ isSuccess, isPending, onRerun }: RerunProps) {
  return (
    <>
      <button type="button" className="button" data-kind="primary" disabled={isPending} onClick={() => onRerun(false)}>
        Rerun
      </button>
      {isSuccess && (
        <ConfirmButton
          label="Rerun with force"
          confirmLabel="Rerun"
          title="Create a new version?"
          danger={false}
          disabled={isPending}
          onConfirm={() => onRerun(true)}
        >
          <p>A rerun links the existing version when the input is the same. This rerun processes the input again.</p>
        </ConfirmButton>
      )}
    </>
  );
}
