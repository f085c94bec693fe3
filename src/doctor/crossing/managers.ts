import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { bridgePort } from '../../model/names.ts';
import type { Link } from '../../system/ip-json.ts';
import { type Finding, failed, ok, warning } from '../check.ts';

/** A network manager that has taken a device, and the file that says so where it is known. */
export interface Manager {
  readonly name: 'systemd-networkd' | 'NetworkManager';
  readonly file: string | undefined;
}

/** Where managers keep their view of a device, by its index; for people who debug them. */
const NETWORKD = '/run/systemd/netif/links';
const NETWORK_MANAGER = '/run/NetworkManager/devices';
/** What networkd says of a device that it leaves alone, or has not looked at yet. */
const LEFT_ALONE = new Set(['unmanaged', 'initialized', 'pending', 'linger']);

export async function managerOf(index: number): Promise<Manager | undefined> {
  const [networkd, networkManager] = await Promise.all([
    textOf(`${NETWORKD}/${index}`),
    textOf(`${NETWORK_MANAGER}/${index}`),
  ]);
  return managerIn(networkd, networkManager);
}

/** What their state files say, empty where there is none. */
export function managerIn(networkd: string, networkManager: string): Manager | undefined {
  const state = valueIn(networkd, 'ADMIN_STATE');
  if (state !== undefined && !LEFT_ALONE.has(state)) {
    return { name: 'systemd-networkd', file: valueIn(networkd, 'NETWORK_FILE') };
  }
  const managed = valueIn(networkManager, 'managed');
  return managed === 'true' || managed === '1' ? { name: 'NetworkManager', file: undefined } : undefined;
}

/** Somebody gave the bridge an address, so that it takes none of a port (NET_ADDR_SET). */
export function hasOwnAddress(bridge: string): boolean {
  try {
    return readFileSync(`/sys/class/net/${bridge}/addr_assign_type`, 'utf8').trim() === '3';
  } catch {
    return false;
  }
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

function valueIn(text: string, key: string): string | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${key}=`));
  return line === undefined || line === `${key}=` ? undefined : line.slice(key.length + 1);
}

/** Nobody but this program may configure `<bridge>b`. `port`: with its addresses. */
export function judgeManagers(bridge: string, port: Link | undefined, manager: Manager | undefined): Finding {
  const name = bridgePort(bridge);
  if (port === undefined) return ok('none');
  const [address] = port.addresses;
  const harm = [
    ...(port.master === bridge ? [] : [`it is no port of ${bridge}`]),
    ...(address === undefined ? [] : [`it has the address ${address}`]),
  ].join(', ');
  if (manager !== undefined) {
    const by = manager.file === undefined ? manager.name : `${manager.name} (${manager.file})`;
    const remedy = `keep it off: docs/bridges.md, "Network managers"; then ${repair(name, address)}`;
    return harm === ''
      ? warning(`${by} manages ${name}`, remedy)
      : failed(`${by} manages ${name}: ${harm}`, remedy);
  }
  if (address === undefined) return ok('none');
  return failed(
    `${name}: ${harm}, which no port of a bridge needs`,
    `find out who gave it, then ${repair(name, address)}`,
  );
}

function repair(name: string, address: string | undefined): string {
  return address === undefined ? 'run tproxy apply' : `ip address flush dev ${name}, and run tproxy apply`;
}
