import type { Moment } from '../system/host.ts';
import { type NftTables, readTables } from '../system/nft.ts';
import { type Attachment, isLiving } from './attachment.ts';
import type { DriverDeps } from './deps.ts';

/** What all bridges share, as a command sees it before it decides. */
export interface View {
  readonly tables: NftTables;
  readonly now: Moment;
  readonly living: readonly Attachment[];
  /** Records of NICs that never came or have gone without a word. */
  readonly leftover: readonly Attachment[];
}

/** Reads records and tables side by side (two processes); damaged records are reported. The caller holds the lock. */
export async function look({ run, host, attachments, report }: DriverDeps): Promise<View> {
  const [tables, devices, now, loaded] = await Promise.all([
    readTables(run),
    host.deviceNames(),
    host.now(),
    attachments.load(),
  ]);
  for (const message of loaded.damaged) report.error(message);
  const isUsed = (attachment: Attachment): boolean => isLiving(attachment, devices, now);
  return {
    tables,
    now,
    living: loaded.attachments.filter(isUsed),
    leftover: loaded.attachments.filter((attachment) => !isUsed(attachment)),
  };
}
