import { existsSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { watchMachine } from './disturbance.ts';
import { attempt, sleep } from './run.ts';

/** What a figure has to be read with. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Revision of the checkout that ran the benchmark; what it measured is among the versions. */
  readonly commit: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Share of all cores that others used in the second before the first measurement, 0 to 1. */
  readonly busyBefore: number;
  readonly loadBefore: number;
  readonly date: string;
}

/** `executable` is the build that is measured. */
export async function describeMachine(executable: string): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.version,
    commit: process.env.BENCH_COMMIT ?? 'unknown',
    versions: {
      tproxy: existsSync(executable) ? await versionOf([executable, '--version'], /(.+)/) : 'none',
      haproxy: await versionOf(['haproxy', '-v'], /version (\S+)/),
      nginx: await versionOf(['nginx', '-v'], /nginx\/(\S+)/),
      socat: await versionOf(['socat', '-V'], /socat version (\S+)/),
      iperf3: await versionOf(['iperf3', '--version'], /iperf (\S+)/),
      wrk: await versionOf(['wrk', '-v'], /wrk (\S+)/),
      nft: await versionOf(['nft', '--version'], /nftables v(\S+)/),
    },
    busyBefore: await busyShare(),
    loadBefore: loadavg()[0] ?? 0,
    date: new Date().toISOString(),
  };
}

async function versionOf(argv: readonly string[], pattern: RegExp): Promise<string> {
  const { stdout, stderr } = await attempt(argv);
  return pattern.exec(stdout + stderr)?.[1] ?? 'unknown';
}

/** Over one second in which the benchmark itself does nothing. */
async function busyShare(): Promise<number> {
  const watch = watchMachine();
  await sleep(1000);
  return watch.othersShare();
}
