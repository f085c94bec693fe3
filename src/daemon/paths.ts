import { listenerTitle, PREFIX } from '../model/names.ts';

/** Runtime files: sockets, lock, records. Mode 0711: a listener opens its own socket, nobody lists the others. */
export const RUN_DIRECTORY = '/run/one_tproxy';
export const CONTROL_SOCKET = `${RUN_DIRECTORY}/control.sock`;
export const LOCK_FILE = `${RUN_DIRECTORY}/lock`;
export const SETTINGS_FILE = `${RUN_DIRECTORY}/settings.json`;
const LOG_DIRECTORY = '/var/log';

/** The unix socket between the listener of a bridge and the forwarder. */
export function bridgeSocket(bridge: string): string {
  return `${RUN_DIRECTORY}/bridge.${bridge}.sock`;
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
