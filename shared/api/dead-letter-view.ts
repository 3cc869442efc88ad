import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';

/** An event that the router no longer retries. It is kept until an operator re-drives or discards it. */
export interface DeadLetter {
  id: string;
  /** The function that failed. */
  function: string;
  event: SluiceEvent;
  error: ErrorDocument;
  /** Attempts of the function. */
  attempts: number;
  /** ISO 8601 in UTC. */
  failed_at: string;
}

/** A dead letter in the API, with the action that is possible. */
export interface DeadLetterView extends DeadLetter {
  run_id: string | null;
  /** False if a re-drive would have no effect. `advice` then gives the reason and the action to take. */
  redrivable: boolean;
  advice: string | null;
}
