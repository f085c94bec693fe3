import { chmodSync, chownSync, renameSync, rmSync } from 'node:fs';
import { seqpacketListen } from '../linux/socket.ts';

const BACKLOG = 16;

/**
 * The listening unix socket of a bridge at `path`, open to the user of its listener alone. An earlier one at that place is
 * replaced in one step, so that a listener that connects meets either the old forwarder or the new one.
 */
export function openBridgeSocket(path: string, user: { uid: number; gid: number } | undefined): number {
  const fresh = `${path}.${process.pid}`;
  rmSync(fresh, { force: true });
  const fd = seqpacketListen(fresh, BACKLOG);
  chmodSync(fresh, 0o600);
  if (user !== undefined) chownSync(fresh, user.uid, user.gid);
  renameSync(fresh, path);
  return fd;
}
