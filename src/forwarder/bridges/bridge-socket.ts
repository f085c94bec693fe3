import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { close } from '../../linux/descriptor.ts';
import { seqpacketListen } from '../../linux/unix-socket.ts';
import { bridgeDirectory, bridgeSocket } from '../../process/paths.ts';
import { replaceFile } from '../../replace-file.ts';

const BACKLOG = 16;

/** A listening socket and where it was put. */
export interface BridgeSocket {
  readonly fd: number;
  readonly path: string;
  /** Inode of the file. */
  readonly ino: number;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The listening unix socket of a bridge, open to the user of its listener alone. An earlier one at that place is replaced in
 * one step, so that a listener that connects meets either the old forwarder or the new one.
 *
 * It lies in a directory of its own, which is all that the listener sees of the runtime directory. The directory stays the
 * same while there is a listener: one that was made anew would be out of its reach.
 */
export function openBridgeSocket(bridge: string, user: Owner | undefined): BridgeSocket {
  // The listener's own root is mounted on `root`, in its mount namespace (remotes/launch-listener).
  mkdirSync(`${directoryOf(bridge)}/root`, { recursive: true });
  chmodSync(bridgeDirectory(bridge), 0o711);
  return listenAt(bridgeSocket(bridge), user);
}

/** Puts a listening socket of this user in the place of what is at `path`. */
export function listenAt(path: string, user: Owner | undefined): BridgeSocket {
  let fd: number | undefined;
  try {
    return replaceFile(path, (fresh) => {
      fd = seqpacketListen(fresh, BACKLOG);
      chmodSync(fresh, 0o600);
      if (user !== undefined) chownSync(fresh, user.uid, user.gid);
      return { fd, path, ino: lstatSync(fresh).ino };
    });
  } catch (error) {
    if (fd !== undefined) close(fd);
    throw error;
  }
}

/** False when something else lies at its place by now, or nothing: nobody who connects reaches it. */
export function isInPlace({ path, ino }: BridgeSocket): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.ino === ino;
}

/** A directory, also where something else has its name. */
function directoryOf(bridge: string): string {
  const path = bridgeDirectory(bridge);
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false) rmSync(path, { force: true });
  return path;
}

/** Takes the socket of a bridge away that is no longer served, with its directory. */
export function removeBridgeSocket(bridge: string): void {
  rmSync(bridgeDirectory(bridge), { recursive: true, force: true });
}
