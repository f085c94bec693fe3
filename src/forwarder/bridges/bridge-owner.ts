import type { ChildProcess } from 'node:child_process';
import type { ToDataPlane } from '../../dataplane/messages.ts';
import type { Logger } from '../../log.ts';
import type { Settings } from '../../model/settings.ts';

/** What a bridge needs of the forwarder. */
export interface BridgeOwner {
  readonly log: Logger;
  readonly settings: Settings;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  post(message: ToDataPlane): void;
  spawnListener(bridge: string): ChildProcess;
  /** The listener died though it should run. */
  lost(): void;
}
