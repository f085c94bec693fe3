import { listenerTitle, PREFIX } from '../model/names.ts';

/** Runtime files: sockets, lock, records. Mode 0711: nobody lists it. */
export const RUN_DIRECTORY = '/run/one_tproxy';
export const CONTROL_SOCKET = `${RUN_DIRECTORY}/control.sock`;
export const LOCK_FILE = `${RUN_DIRECTORY}/lock`;
export const SETTINGS_FILE = `${RUN_DIRECTORY}/settings.json`;
/** What the driver has seen of nft. */
export const ABILITY_FILE = `${RUN_DIRECTORY}/nft.json`;
const LOG_DIRECTORY = '/var/log';

/** What the listener of a bridge sees of the runtime directory. */
export function bridgeDirectory(bridge: string): string {
  return `${RUN_DIRECTORY}/bridge.${bridge}`;
}

/** The unix socket between the listener of a bridge and the forwarder. */
export function bridgeSocket(bridge: string): string {
  return `${bridgeDirectory(bridge)}/listener.sock`;
}

export function netnsPath(netns: string): string {
  return `/run/netns/${netns}`;
}

export function forwarderLog(): string {
  return `${LOG_DIRECTORY}/${PREFIX}.log`;
}

export function listenerLog(bridge: string): string {
  return `${LOG_DIRECTORY}/${listenerTitle(bridge)}.log`;
}
