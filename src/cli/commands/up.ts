import type { DriverDeps } from '../../driver/deps.ts';
import { type Attached, attach } from '../../driver/up.ts';
import { ConfigError, ExitCode, explainFileTrouble, TproxyError } from '../../errors.ts';
import { SERVICE_ADDRESS } from '../../model/names.ts';
import type { Service } from '../../model/service.ts';
import { named } from '../../words.ts';
import { configurationForVm } from '../configuration.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';
import { type Concern, type DriverOptions, readConcerns } from './concerns.ts';
import { type MakeDeps, realDeps, reporterOn, reporting } from './driver.ts';
import { type Failures, failuresOf, survivingBugs } from './hook-run.ts';

/**
 * `tproxy up`: what a VM's NICs need before it starts. Each NIC is tried. One that fails makes the exit code 1 by hand and where
 * services are required; else the VM starts without them.
 */
export async function up(options: DriverOptions, io: Io, makeDeps: MakeDeps = realDeps): Promise<ExitCode> {
  const report = reporterOn(io, 'pre');
  return reporting(report, async () => {
    demandRoot('up');
    const concerns = await readConcerns(options, io, report);
    if (concerns.list.length === 0 && concerns.reasons.length === 0) return ExitCode.ok;
    const { services, required, ...wanted } = await configurationForVm(options.configFile, report);
    const failures = failuresOf(required || options.byHand !== undefined);
    if (services === undefined && failures.strict) {
      throw new ConfigError(`${options.configFile} can't be read, nothing was changed`, {
        remedy: 'find out why: tproxy check',
      });
    }
    return survivingBugs(failures.strict, report, async () => {
      for (const reason of concerns.reasons) failures.failed(ExitCode.failed, reason);
      const deps = makeDeps(wanted, report);
      for (const concern of concerns.list) await attachOne(concern, services, deps, failures);
      return failures.exitCode();
    });
  });
}

async function attachOne(
  concern: Concern,
  services: readonly Service[] | undefined,
  deps: DriverDeps,
  failures: Failures,
): Promise<void> {
  const { label, owner } = concern;
  try {
    const attached = await attach({ ...concern, staysOnRecord: !failures.strict }, services, deps);
    // By hand, somebody named this very bridge.
    if (attached.is === 'passed-over' && owner.is === 'hand') throw new TproxyError(attached.why);
    if (attached.is === 'as-mapped') {
      deps.report.error(`${label}: ${words(attached)}`);
      failures.failed(ExitCode.usage, words(attached), concern);
      return;
    }
    deps.report.info(`${label}: ${words(attached)}`);
    failures.cleared(concern);
  } catch (thrown) {
    const error = explainFileTrouble(thrown);
    if (!(error instanceof TproxyError)) throw error;
    deps.report.error(`${label}: ${error.message}`);
    failures.failed(ExitCode.failed, error.message, concern);
  }
}

function words(attached: Attached): string {
  switch (attached.is) {
    case 'passed-over':
      return `passed over: ${attached.why}`;
    case 'idle':
      return 'no service for its network';
    case 'as-mapped': {
      const had = attached.servicePorts.length === 0 ? 'no service' : portsIn(attached.servicePorts);
      return `the configuration is unreadable, so its bridge keeps what it has: ${had}`;
    }
    case 'ready': {
      const where = portsIn(attached.servicePorts);
      return `${SERVICE_ADDRESS} answers on ${where}${attached.changed ? '' : ', as before'}${delay(attached.notYet)}`;
    }
  }
}

function portsIn(servicePorts: readonly number[]): string {
  const ports = [...servicePorts].sort((a, b) => a - b);
  return `${named(ports.length, 'port')} ${ports.join(', ')}`;
}

function delay(notYet: Extract<Attached, { is: 'ready' }>['notYet']): string {
  if (notYet === undefined) return '';
  if (notYet.is === 'closed') {
    return `, but no guest gets there: the spanning tree of its bridge keeps the port ${notYet.state}`;
  }
  return ` in ${Math.ceil(notYet.inS)} s, when the spanning tree of its bridge forwards`;
}
