import { cpus, platform, release, totalmem } from 'node:os';
import { execa } from 'execa';

/** The machine of a measurement. Only ratios can be compared between machines. */
export interface Machine {
  cpu: string;
  cores: number;
  memory_gib: number;
  system: string;
  node: string;
  gdal: string;
  commit: string;
  measured_at: string;
}

const GIB = 2 ** 30;

export async function describeMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / GIB),
    system: `${platform()} ${release()}`,
    node: process.version,
    gdal: await firstLine('ogrinfo', ['--version']),
    commit: await firstLine('git', ['rev-parse', '--short', 'HEAD']),
    measured_at: new Date().toISOString(),
  };
}

async function firstLine(program: string, args: string[]): Promise<string> {
  const { stdout, failed } = await execa(program, args, { reject: false });
  return failed ? 'unknown' : (stdout.split('\n')[0] ?? '');
}
