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

/** `tproxy up`: what a VM's NICs need before it starts. Each NIC is tried; one that fails makes the exit code 1. */
export async function up(options: DriverOptions, io: Io, makeDeps: MakeDeps = realDeps): Promise<ExitCode> {
  const report = reporterOn(io, 'pre');
  return reporting(report, async () => {
    demandRoot('up');
    const concerns = await readConcerns(options, io, report);
    if (concerns.list.length === 0) return concerns.faulty === 0 ? ExitCode.ok : ExitCode.failed;
    const { services, ...wanted } = await configurationForVm(options.configFile, report);
    if (services === undefined) {
      throw new ConfigError(`${options.configFile} can't be read, nothing was changed`, {
        remedy: 'find out why: tproxy check',
      });
    }
    const deps = makeDeps(wanted, report);
    let failed = concerns.faulty;
    for (const concern of concerns.list) {
      if (!(await attachOne(concern, services, deps))) failed += 1;
    }
    return failed === 0 ? ExitCode.ok : ExitCode.failed;
  });
}

async function attachOne(concern: Concern, services: readonly Service[], deps: DriverDeps): Promise<boolean> {
  const { label, owner } = concern;
  try {
    const attached = await attach(concern, services, deps);
    // By hand, somebody named this very bridge.
    if (attached.is === 'passed-over' && owner.is === 'hand') throw new TproxyError(attached.why);
    deps.report.info(`${label}: ${words(attached)}`);
    return true;
  } catch (thrown) {
    const error = explainFileTrouble(thrown);
    if (!(error instanceof TproxyError)) throw error;
    deps.report.error(`${label}: ${error.message}`);
    return false;
  }
}

function words(attached: Attached): string {
  switch (attached.is) {
    case 'passed-over':
      return `passed over: ${attached.why}`;
    case 'idle':
      return 'no service for its network';
    case 'ready': {
      const ports = [...attached.servicePorts].sort((a, b) => a - b);
      const where = `${named(ports.length, 'port')} ${ports.join(', ')}`;
      return `${SERVICE_ADDRESS} answers on ${where}${attached.changed ? '' : ', as before'}${delay(attached.notYet)}`;
    }
  }
}

function delay(notYet: Extract<Attached, { is: 'ready' }>['notYet']): string {
  if (notYet === undefined) return '';
  if (notYet.is === 'closed') {
    return `, but no guest gets there: the spanning tree of its bridge keeps the port ${notYet.state}`;
  }
  return ` in ${Math.ceil(notYet.inS)} s, when the spanning tree of its bridge forwards`;
}
