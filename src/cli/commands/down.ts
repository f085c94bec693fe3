import type { DriverDeps } from '../../driver/deps.ts';
import { detach } from '../../driver/down.ts';
import type { Released } from '../../driver/release.ts';
import { ExitCode, explainFileTrouble, TproxyError } from '../../errors.ts';
import type { Service } from '../../model/service.ts';
import { configurationForVm } from '../configuration.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';
import { type Concern, type DriverOptions, readConcerns } from './concerns.ts';
import { type MakeDeps, realDeps, reporterOn, reporting } from './driver.ts';
import { type Failures, failuresOf, survivingBugs } from './hook-run.ts';

/**
 * `tproxy down`: takes away what only this VM's NICs needed. Each NIC is tried. By hand and where services are required, one
 * that fails makes the exit code 1, and 2 an unreadable configuration where other guests stay, whose services nobody can tell.
 */
export async function down(options: DriverOptions, io: Io, makeDeps: MakeDeps = realDeps): Promise<ExitCode> {
  const report = reporterOn(io, 'clean');
  return reporting(report, async () => {
    demandRoot('down');
    const concerns = await readConcerns(options, io, report);
    if (concerns.list.length === 0 && concerns.reasons.length === 0) return ExitCode.ok;
    const { services, required, ...wanted } = await configurationForVm(options.configFile, report);
    const deps = makeDeps(wanted, report);
    // All of the VM goes: the tap of one NIC is no guest that would keep the bridge of the next.
    const taps = concerns.list.flatMap(({ owner }) => (owner.is === 'vm' ? [owner.tap] : []));
    const failures = failuresOf(required || options.byHand !== undefined);
    return survivingBugs(failures.strict, report, async () => {
      for (const reason of concerns.reasons) failures.failed(ExitCode.failed, reason);
      for (const concern of concerns.list) await detachOne({ ...concern, taps }, services, deps, failures);
      return failures.exitCode();
    });
  });
}

async function detachOne(
  concern: Concern & { readonly taps: readonly string[] },
  services: readonly Service[] | undefined,
  deps: DriverDeps,
  failures: Failures,
): Promise<void> {
  const { label } = concern;
  try {
    const released = await detach(concern, services, deps);
    const unreadable = released.is === 'as-it-is' && released.because === 'unreadable-configuration';
    if (unreadable) {
      deps.report.error(`${label}: ${words(released)}`);
      failures.failed(ExitCode.usage, words(released));
    } else deps.report.info(`${label}: ${words(released)}`);
    failures.cleared(concern);
  } catch (thrown) {
    const error = explainFileTrouble(thrown);
    if (!(error instanceof TproxyError)) throw error;
    deps.report.error(`${label}: ${error.message}`);
    failures.failed(ExitCode.failed, error.message, concern);
  }
}

function words(released: Released): string {
  switch (released.is) {
    case 'removed':
      return released.changed ? 'the last guest has left, all of it is removed' : 'nothing to remove';
    case 'shared':
      return 'other guests keep their services';
    case 'as-it-is':
      return released.because === 'unknown-guests'
        ? `other guests are still on it (${released.ports.join(', ')}), so it stays as it is`
        : 'other guests stay, and the configuration that tells their services is unreadable, so it stays as it is';
  }
}
