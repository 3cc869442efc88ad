import type { Env } from '#shared/config/env.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { type DiskSpace, readDiskSpace } from '../observe/disk-space.ts';
import { type Alert, diskAlert, stuckAlert, type StuckWork } from './alert.ts';

const CHECK_MS = 60_000;
const SECONDS_PER_MINUTE = 60;

interface Options {
  env: Pick<
    Env,
    'ALERT_STUCK_MINUTES' | 'ALERT_DISK_FREE_PERCENT' | 'SLUICE_HOME' | 'SCRATCH_DIR' | 'HOST' | 'PORT' | 'PUBLIC_URL'
  >;
  /** The oldest waiting event of each function, and the calls that this process makes. */
  listWork: () => Promise<StuckWork[]>;
  /** Stores an alert durably. A repeat has no effect. */
  send: (alert: Alert) => Promise<void>;
  log: Logger;
  readDisks?: () => Promise<DiskSpace[]>;
}

/** Once a minute, alerts to work that takes longer than ALERT_STUCK_MINUTES, and to disks with little free space. */
export class AlertWatch {
  readonly #options: Options;
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), CHECK_MS);
  }

  /** Starts no more checks. A running check continues. */
  pause(): void {
    clearInterval(this.#timer);
  }

  /** Resolves when no check is running. The check of a disk that does not respond never ends. */
  async idle(): Promise<void> {
    await this.#checking;
  }

  /** Never rejects. The next check finds what this one could not send. */
  async check(now = new Date()): Promise<void> {
    const { env, send, log } = this.#options;
    try {
      const stuck = (await this.#options.listWork()).filter(
        ({ seconds }) => seconds > env.ALERT_STUCK_MINUTES * SECONDS_PER_MINUTE,
      );
      const full = (await this.#readDisks()).filter(
        ({ freeBytes, sizeBytes }) => freeBytes * 100 < sizeBytes * env.ALERT_DISK_FREE_PERCENT,
      );
      for (const work of stuck) await send(stuckAlert(work, env, now));
      for (const disk of full) await send(diskAlert(disk, env, now));
    } catch (thrown) {
      log.warn({ error: asSluiceError(thrown).toDocument() }, 'Alert:Check:Failed');
    }
  }

  /** Starts no check while one is running, so that checks do not accumulate at a disk that does not respond. */
  #tick(): void {
    this.#checking ??= this.check().finally(() => (this.#checking = undefined));
  }

  #readDisks(): Promise<DiskSpace[]> {
    return (this.#options.readDisks ?? (() => readDiskSpace(this.#options.env)))();
  }
}
