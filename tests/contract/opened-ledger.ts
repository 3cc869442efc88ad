import type { Ledger } from '#shared/ledger/ledger.ts';

/** An implementation under test. */
export interface OpenedLedger {
  ledger: Ledger;
  /** The same data through other connections, as in another process. */
  second: Ledger;
  /** How another process opens it: a function that a module exports, and its argument. */
  opener: Opener;
  close(): Promise<void>;
}

export interface Opener {
  module: string;
  function: string;
  url: string;
}
