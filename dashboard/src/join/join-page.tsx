import { useMutation, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import type { BatchView, JoinPreviewView, RunView } from '../../../shared/api/views.ts';
import { sendJson } from '../api/client.ts';
import { sessionQuery } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { ErrorNotice } from '../ui/notice.tsx';
import { Page } from '../ui/page.tsx';
import { FollowBatch } from '../upload/follow-batch.tsx';
import { RequestIds } from '../upload/request-id.ts';
import { JoinForm } from './join-form.tsx';
import { KeysCard } from './keys-card.tsx';
import { isErrorOfData } from './messages.ts';
import { PreviewCard } from './preview-card.tsx';
import { SourcePicker } from './source-picker.tsx';
import { type JoinFlow, type JoinForm as Form, useJoin, useJoinPreview } from './use-join.ts';
import '../asset/asset-data.css';
import '../upload/upload.css';
import './join.css';

/** Joins features with a table, and follows the run. The URL holds the choice, or the batch of a started run. */
export function JoinPage() {
  const session = useQuery(sessionQuery).data;
  const [params] = useSearchParams();
  const batch = { batch_id: params.get('batch_id') ?? '', manifest_key: params.get('manifest_key') ?? '' };
  if (batch.batch_id !== '')
    return (
      <Page
        title="Join"
        heading={batch.batch_id}
        parent={{ to: '/join', name: 'Join' }}
        actions={
          <Link className="button" to="/join">
            Join other datasets
          </Link>
        }
      >
        <FollowBatch key={batch.batch_id} batch={batch} words={JOIN_WORDS} />
      </Page>
    );
  return (
    <Page title="Join" summary="Features get the columns of a table, by a key that both have.">
      {session?.role === 'viewer' ? <NotAllowed user={session.user} /> : <Composer />}
    </Page>
  );
}

const JOIN_WORDS: Record<RunView['status'], string> = {
  running: 'The datasets are being joined. You can leave this page.',
  success: 'The run is complete.',
  failure: 'The run failed. Correct the datasets or the keys, and join them again.',
  canceled: 'The run was canceled.',
};

function NotAllowed({ user }: { user: string | null }) {
  return (
    <EmptyState title="Your role does not allow joins.">
      {user} has the role viewer. Joins need the role operator. Ask an administrator for it.
    </EmptyState>
  );
}

function Composer() {
  const [params] = useSearchParams();
  const [form, setForm] = useState<Form>({ dataset: params.get('dataset') ?? '', description: '', uploader: '' });
  const join = useJoin(form);
  const preview = useJoinPreview(join.config);
  const { choice, change } = join;
  return (
    <div className="columns">
      <div className="stack">
        <div className="join-sides">
          <SourcePicker side="spatial" value={choice.features} onChoose={(features) => change({ features })} />
          <SourcePicker side="tabular" value={choice.table} onChoose={(table) => change({ table })} />
        </div>
        <KeysCard join={join} />
        <PreviewCard join={join} preview={preview} />
      </div>
      <Card title="Details">
        <JoinForm join={join} form={form} onChange={setForm} />
        <StartJoin join={join} preview={preview} />
      </Card>
    </div>
  );
}

const requestIds = new RequestIds();

interface StartJoinProps {
  join: JoinFlow;
  preview: UseQueryResult<JoinPreviewView>;
}

/** A join whose preview has an error of the data cannot be started, because its run would have the same error. */
function StartJoin({ join: { draft, isReady }, preview: { data, error, isFetching } }: StartJoinProps) {
  const [, setParams] = useSearchParams();
  const start = useMutation({
    mutationFn: () => sendJson<BatchView>('POST', '/api/batches', { ...draft, request_id: requestIds.of(draft) }),
    onSuccess: ({ batch_id, manifest_key }) => setParams({ batch_id, manifest_key }),
  });
  const wouldFail = Boolean(data?.problem) || isErrorOfData(error);
  const isBlind = isReady && data === undefined && !isFetching && !wouldFail;
  return (
    <div className="form-actions">
      {start.error && <ErrorNotice error={start.error} title="The run could not be started." />}
      <button
        type="button"
        className="button"
        data-kind={data && !wouldFail ? 'primary' : undefined}
        disabled={!isReady || isFetching || wouldFail || start.isPending}
        onClick={() => start.mutate()}
      >
        {start.isPending ? 'Starting…' : isBlind ? 'Start without a preview' : 'Start the join'}
      </button>
    </div>
  );
}
