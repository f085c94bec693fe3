import { closeSync, writeFileSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { type Failed, failedJson, type SyncReport, syncReportJson } from '../control/report.ts';
import { messageOf, troubleOf } from '../errors.ts';
import { PREFIX } from '../model/names.ts';
import { savedSettings } from '../process/settings-file.ts';
import { parseSettings } from '../process/settings-json.ts';
import { runProgram } from '../system/run.ts';
import type { Forwarder } from './forwarder.ts';
import { sayReady, startHeartbeat } from './heartbeat.ts';
import { startForwarder } from './start.ts';

/** Inherited pipe on which whoever started this process waits for its first report. */
const READY_FD = 3;

function tell(report: SyncReport | Failed): void {
  const told = 'failed' in report ? failedJson(report) : syncReportJson(report);
  try {
    writeSync(READY_FD, `${JSON.stringify(told)}\n`);
    closeSync(READY_FD);
  } catch {
    // Nobody waits any more.
  }
}

/** Entry of the process `one_tproxy`. */
async function main(environment: NodeJS.ProcessEnv): Promise<void> {
  writeFileSync('/proc/self/comm', PREFIX);
  const again = environment.ONE_TPROXY_AGAIN !== undefined;
  const given = parseSettings(JSON.parse(environment.ONE_TPROXY_SETTINGS ?? '{}'));
  const settings = again ? (savedSettings() ?? given) : given;
  const takeOver = environment.ONE_TPROXY_TAKE_OVER === 'replace' ? 'replace' : 'adopt';
  // What this process starts must not start as this process.
  delete process.env.NODE_OPTIONS;
  try {
    // Taking over from a hung one, or starting hundreds of listeners, takes longer than the watch is patient.
    let serving: Forwarder | undefined;
    startHeartbeat(async () => serving?.observation.countRelays());
    const { forwarder, report } = await startForwarder({ settings, takeOver, again, run: runProgram });
    serving = forwarder;
    const stop = (): void => {
      void forwarder.stop().finally(() => process.exit(0));
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    // How it went is in the log.
    process.on('SIGHUP', () => void forwarder.sync().catch(() => undefined));
    tell(report);
    sayReady();
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    const line = { level: 60, time: Date.now(), pid: process.pid, reason: messageOf(error), stack };
    process.stderr.write(`${JSON.stringify({ ...line, msg: 'forwarder can not start' })}\n`);
    tell({ failed: troubleOf(error) });
    process.exit(1);
  }
}

if (isMainThread) void main(process.env);
