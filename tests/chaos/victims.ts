import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { descendants } from '../../bench/memory.ts';
import type { Random } from './random.ts';
import type { ChaosSluice } from './sluice.ts';

/** The processes that the chaos test kills or stops. */
export const VICTIMS = ['gateway', 'functions', 'backend', 'postmaster', 'GDAL'] as const;
export type Victim = (typeof VICTIMS)[number];

/** A GDAL program runs for a few milliseconds, so it is looked for until one runs. */
const SEARCH_MS = 15_000;
const SEARCH_INTERVAL_MS = 2;
/** A stopped process continues after at most this time. */
const MAX_STOP_MS = 5_000;

export interface Kill {
  victim: Victim;
  signal: 'SIGKILL' | 'SIGSTOP';
  pid: number;
  command: string;
}

/** Kills or stops a random process of the kind. Undefined if none runs. A killed gateway is started again. */
export async function kill(sluice: ChaosSluice, victim: Victim, random: Random): Promise<Kill | undefined> {
  const signal = random.chance(0.25) ? 'SIGSTOP' : 'SIGKILL';
  const pids = victim === 'GDAL' ? await findGdal(sluice) : processes(sluice, victim);
  if (pids.length === 0) return undefined;
  const pid = random.pick(pids);
  const command = commandOf(pid);
  send(pid, signal);
  const stopMs = random.below(MAX_STOP_MS);
  if (signal === 'SIGSTOP' && victim !== 'functions') {
    // The supervisor replaces a stopped process of the functions. Nothing replaces the others.
    await wait(stopMs);
    send(pid, 'SIGCONT');
  } else if (victim === 'gateway') await sluice.restart();
  return { victim, signal, pid, command };
}

async function findGdal(sluice: ChaosSluice): Promise<number[]> {
  const deadline = Date.now() + SEARCH_MS;
  for (;;) {
    const pids = processes(sluice, 'GDAL');
    if (pids.length > 0 || Date.now() > deadline) return pids;
    await wait(SEARCH_INTERVAL_MS);
  }
}

function processes({ pid, postgresData }: ChaosSluice, victim: Victim): number[] {
  switch (victim) {
    case 'gateway':
      return [pid];
    case 'functions':
      return descendants(pid).filter((child) => /^\S*node\b.*runtime\/serve\.ts/.test(commandOf(child)));
    case 'GDAL':
      return descendants(pid).filter((child) => /^(ogr|gdal)/.test(nameOf(child)));
    case 'postmaster':
      return postmaster(postgresData);
    case 'backend':
      return readdirSync('/proc')
        .map(Number)
        .filter((other) => Number.isInteger(other) && isBackend(other, postgresData));
  }
}

function postmaster(data: string): number[] {
  try {
    return [Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])];
  } catch {
    return []; // It is being restarted.
  }
}

/** Whether the process serves a connection: `postgres: USER DATABASE [local] STATE`. */
function isBackend(pid: number, data: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === data && commandOf(pid).includes('[local]');
  } catch {
    return false;
  }
}

function nameOf(pid: number): string {
  return read(`/proc/${pid}/comm`);
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // The process has ended.
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has ended.
  }
}
