import type { Moment } from '../system/host.ts';
import { type Attachment, isLiving } from './attachments/attachment.ts';
import type { DriverDeps } from './deps.ts';

/** What is recorded, as a command sees it before it decides. */
export interface View {
  readonly now: Moment;
  /** Names of all devices of the host. */
  readonly devices: ReadonlySet<string>;
  readonly living: readonly Attachment[];
  /** Records of NICs that never came or have gone without a word. */
  readonly leftover: readonly Attachment[];
}

/** Reads files only. Damaged records are reported. The caller holds the lock. */
export async function look({
  host,
  attachments,
  report,
}: Pick<DriverDeps, 'host' | 'attachments' | 'report'>): Promise<View> {
  const [devices, now, loaded] = await Promise.all([host.deviceNames(), host.now(), attachments.load()]);
  for (const message of loaded.damaged) report.error(message);
  const isUsed = (attachment: Attachment): boolean => isLiving(attachment, devices, now);
  return {
    now,
    devices,
    living: loaded.attachments.filter(isUsed),
    leftover: loaded.attachments.filter((attachment) => !isUsed(attachment)),
  };
}
