import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Link, useSearchParams } from 'react-router';
import type { BatchView } from '../../../shared/api/views.ts';
import { sendJson } from '../api/client.ts';
import { sessionQuery } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { counted } from '../ui/format.ts';
import { ErrorNotice } from '../ui/notice.tsx';
import { Page } from '../ui/page.tsx';
import { BatchForm } from './batch-form.tsx';
import { DropZone } from './drop-zone.tsx';
import { ExtentCard } from './extent-card.tsx';
import { FileGroups } from './file-groups.tsx';
import { FollowBatch } from './follow-batch.tsx';
import { ProcessingCard } from './processing-card.tsx';
import { RequestIds } from './request-id.ts';
import { uploadStore } from './upload-store.ts';
import { type UploadFlow, useUpload } from './use-upload.ts';
import './upload.css';

/** Uploads files, and follows their run. The URL names the batch of a started run. */
export function UploadPage() {
  const session = useQuery(sessionQuery).data;
  const [params] = useSearchParams();
  const batch = { batch_id: params.get('batch_id') ?? '', manifest_key: params.get('manifest_key') ?? '' };
  if (batch.batch_id !== '')
    return (
      <Page
        title="Upload"
        heading={batch.batch_id}
        parent={{ to: '/upload', name: 'Upload' }}
        actions={
          <Link className="button" to="/upload">
            Upload other files
          </Link>
        }
      >
        <FollowBatch key={batch.batch_id} batch={batch} />
      </Page>
    );
  return (
    <Page title="Upload" summary="Files are checked here first. A run starts only when you start it.">
      {session?.role === 'viewer' ? <NotAllowed user={session.user} /> : <Composer />}
    </Page>
  );
}

function NotAllowed({ user }: { user: string | null }) {
  return (
    <EmptyState title="Your role does not allow uploads.">
      {user} has the role viewer. Uploads need the role operator. Ask an administrator for it.
    </EmptyState>
  );
}

function Composer() {
  const upload = useUpload();
  const hasFiles = upload.state.files.length > 0;
  useLeaveWarning(Object.values(upload.state.transfers).some(({ state }) => state === 'sending'));
  return (
    <>
      {upload.error && <ErrorNotice error={upload.error} title="The files could not be checked." />}
      {hasFiles ? (
        <div className="columns">
          <div className="stack">
            <Card title="Files" aside={counted(upload.state.files.length, 'file')} flush>
              <FileGroups {...upload} />
              <DropZone isCompact />
            </Card>
            <ExtentCard inspections={upload.inspections} />
            <ProcessingCard upload={upload} />
          </div>
          <Card title="Details">
            <BatchForm upload={upload} />
            <StartRun upload={upload} />
          </Card>
        </div>
      ) : (
        <DropZone isCompact={false} />
      )}
    </>
  );
}

const requestIds = new RequestIds();

function StartRun({ upload: { draft, isReady, state, inspections } }: { upload: UploadFlow }) {
  const [, setParams] = useSearchParams();
  const start = useMutation({
    mutationFn: () => sendJson<BatchView>('POST', '/api/batches', { ...draft, request_id: requestIds.of(draft) }),
    onSuccess: ({ batch_id, manifest_key }) => {
      setParams({ batch_id, manifest_key });
      uploadStore.clear();
    },
  });
  const hasProblems = inspections.some(({ data, error }) => error !== null || data?.problem);
  const isSending = Object.values(state.transfers).some(({ state: each }) => each === 'sending' || each === 'waiting');
  return (
    <div className="form-actions">
      {start.error && <ErrorNotice error={start.error} title="The run could not be started." />}
      <button
        type="button"
        className="button"
        data-kind={hasProblems ? undefined : 'primary'}
        disabled={!isReady || start.isPending}
        onClick={() => start.mutate()}
      >
        {start.isPending ? 'Starting…' : hasProblems ? 'Start the run anyway' : 'Start the run'}
      </button>
      <button type="button" className="button" onClick={() => uploadStore.clear()}>
        {isSending ? 'Cancel the upload' : 'Remove all'}
      </button>
    </div>
  );
}

/** The browser asks before it closes the page during an upload. */
function useLeaveWarning(isActive: boolean): void {
  useEffect(() => {
    if (!isActive) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, [isActive]);
}
