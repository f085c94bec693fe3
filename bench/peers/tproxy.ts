import { cpSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../host/run.ts';
import type { Hypervisor } from '../topology/hypervisor.ts';
import { writeArpChain, writeEndpointMap } from '../topology/nft.ts';
import { BRIDGE, type Peer } from './peer.ts';

/** Where the program lies on a hypervisor. */
export const TPROXY = '/var/tmp/one/vnm/tproxy';
const VERB_TIMEOUT_MS = 20_000;

/**
 * This program, on plumbing and nft entries made by hand. `executable` is a built `vnm/tproxy`; its folder is copied, as
 * `onehost sync` does, so a build in the checkout during a run changes nothing.
 */
export function tproxyPeer(key: string, label: string, executable: string): Peer {
  return {
    key,
    label,
    proxies: true,
    start: async (hypervisor) => {
      installTproxy(hypervisor, executable);
      await writeArpChain(hypervisor, BRIDGE);
      await writeEndpointMap(hypervisor, BRIDGE);
      await run([...hypervisor.inRoot, TPROXY, 'start'], { timeoutMs: VERB_TIMEOUT_MS });
    },
    stop: async (hypervisor) => {
      await run([...hypervisor.inRoot, TPROXY, 'stop'], { timeoutMs: VERB_TIMEOUT_MS });
    },
  };
}

/** Copies the built folder to where it lies on a hypervisor; `/var/tmp/one` inside is `<scratch>/one`. */
export function installTproxy(hypervisor: Hypervisor, executable: string): void {
  const target = join(hypervisor.scratch, 'one/vnm');
  if (!existsSync(target)) cpSync(dirname(executable), target, { recursive: true });
}
