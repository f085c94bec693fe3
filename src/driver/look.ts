import type { Moment } from '../system/host.ts';
import { type ByLife, byLife } from './attachments/attachment.ts';
import type { DriverDeps } from './deps.ts';

/** What is recorded, as a command sees it before it decides. */
export interface View extends ByLife {
  readonly now: Moment;
  /** Names of all devices of the host. */
  readonly devices: ReadonlySet<string>;
}

/** Reads files only. Damaged records are reported. The caller holds the lock. */
export async function look({
  host,
  attachments,
  report,
}: Pick<DriverDeps, 'host' | 'attachments' | 'report'>): Promise<View> {
  const [devices, now, loaded] = await Promise.all([host.deviceNames(), host.now(), attachments.load()]);
  for (const message of loaded.damaged) report.error(message);
  return { now, devices, ...byLife(loaded.attachments, devices, now) };
}
