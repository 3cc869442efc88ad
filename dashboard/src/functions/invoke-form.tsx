import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ErrorNotice } from '../ui/notice.tsx';
import { InvokeAnswer } from './invoke-answer.tsx';
import { invoke } from './invoke.ts';
import { sampleEventQuery } from './sample-event.ts';

/** Calls the function with an event. The event of the newest run with this step is the sample. */
export function InvokeForm({ name }: { name: string }) {
  const sample = useQuery(sampleEventQuery(name));
  const [typed, setTyped] = useState<string>();
  const [later, setLater] = useState(false);
  const call = useMutation({ mutationFn: invoke });
  const event = typed ?? sample.data?.event ?? '';
  const submit = (submitted: React.SubmitEvent) => {
    submitted.preventDefault();
    call.mutate({ name, event, later });
  };
  return (
    <form className="stack" onSubmit={submit}>
      <p className="muted">
        {sample.data?.source ?? 'Loading a sample event…'} A synchronous call returns the reply event and starts no
        further step. An asynchronous call goes through the queue, and its reply continues the run.
      </p>
      <label className="field">
        <span>Event (CloudEvents 1.0, JSON)</span>
        <textarea
          className="input"
          spellCheck={false}
          rows={14}
          value={event}
          onChange={(changed) => setTyped(changed.target.value)}
        />
      </label>
      <div className="filters">
        <fieldset className="segmented">
          <legend className="visually-hidden">Kind of call</legend>
          {[false, true].map((each) => (
            <label key={String(each)}>
              <input type="radio" name="kind" checked={later === each} onChange={() => setLater(each)} />
              <span>{each ? 'Asynchronous' : 'Synchronous'}</span>
            </label>
          ))}
        </fieldset>
        <button className="button" data-kind="primary" disabled={call.isPending || event.trim() === ''}>
          {call.isPending ? 'Calling…' : 'Call'}
        </button>
        {typed !== undefined && (
          <button type="button" className="button" onClick={() => setTyped(undefined)}>
            Use the sample again
          </button>
        )}
      </div>
      {call.error && <ErrorNotice error={call.error} title="The function could not be called." />}
      {call.data && <InvokeAnswer answer={call.data} />}
    </form>
  );
}
