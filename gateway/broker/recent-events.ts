import type { SluiceEvent } from '#shared/events/event.ts';

/** MinIO sends a notification to two targets; the second arrives within seconds. */
const REMEMBERED_MS = 60_000;

/**
 * The events that are being published or were published in the last minute, so that a repeat is not published again.
 * It only saves deliveries: every function tolerates a repeated event.
 */
export class RecentEvents {
  /** MinIO repeats a notification that is not acknowledged within a minute; a publication can take longer. */
  #running = new Map<string, Promise<void>>();
  /** The end of each publication, in this order. */
  #published = new Map<string, number>();

  /** The publication of an event that is running or succeeded less than a minute ago; else the one of `publish`. */
  once(event: SluiceEvent, publish: () => Promise<void>): { work: Promise<void>; isRepeat: boolean } {
    this.#forget(Date.now() - REMEMBERED_MS);
    const key = JSON.stringify([event.source, event.id]);
    const running = this.#running.get(key);
    if (running !== undefined) return { work: running, isRepeat: true };
    if (this.#published.has(key)) return { work: Promise.resolve(), isRepeat: true };
    const work = publish().then(() => void this.#published.set(key, Date.now()));
    this.#running.set(key, work);
    work.catch(() => undefined).finally(() => this.#running.delete(key));
    return { work, isRepeat: false };
  }

  #forget(before: number): void {
    for (const [key, at] of this.#published) {
      if (at >= before) return;
      this.#published.delete(key);
    }
  }
}
