import { readdirSync, readlinkSync } from 'node:fs';

/** The guest's and the upstream's. */
const SOCKETS_PER_CONNECTION = 2;

/**
 * Connections that a draining forwarder still has, or undefined when it has just ended. It listens nowhere and answers nobody:
 * its sockets are those of its relays.
 */
export function connectionsLeft(pid: number): number | undefined {
  const directory = `/proc/${pid}/fd`;
  try {
    const sockets = readdirSync(directory).filter((fd) => isSocket(`${directory}/${fd}`));
    return Math.floor(sockets.length / SOCKETS_PER_CONNECTION);
  } catch {
    return undefined;
  }
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:');
  } catch {
    // Closed meanwhile.
    return false;
  }
}
