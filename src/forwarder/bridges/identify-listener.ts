import type { FromDataPlane } from '../../dataplane/messages.ts';
import {
  bridgeNetns,
  hostInode,
  namespaceInode,
  type OwnProcess,
  ownProcess,
} from '../../process/processes.ts';

export type Hello = Extract<FromDataPlane, { type: 'hello' }>;

/** Who says hello on the socket of a bridge. */
export type Introduction =
  /** Its listener, which lives in the netns with this inode. */
  | { readonly netns: number }
  /** Somebody else. `surplus`: a listener of ours that is of no use any more. */
  | { readonly refused: string; readonly surplus?: OwnProcess };

/** Looks at who says hello on the socket of `bridge`, which has the listener `presentPid`, if any. */
export function lookAt({ pid, body }: Hello, bridge: string, presentPid: number | undefined): Introduction {
  const process = ownProcess(pid, hostInode());
  const netns = namespaceInode(`/proc/${pid}/ns/net`);
  if (body.bridge !== bridge || process?.bridge !== bridge || netns === undefined) {
    return { refused: 'not the listener of this bridge' };
  }
  if (netns !== bridgeNetns(bridge)) {
    return { refused: 'its netns is no longer that of the bridge', surplus: process };
  }
  if (presentPid !== undefined && presentPid !== pid) {
    return { refused: `process ${presentPid} is the listener already`, surplus: process };
  }
  return { netns };
}
