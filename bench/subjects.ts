import { join } from 'node:path';
import { SERVICE_ADDRESS } from '../src/model/names.ts';
import type { Subject } from './figures/figure.ts';
import { attempt, eventually } from './host/run.ts';
import { BRIDGE, type Peer, type PeerSetup } from './peers/peer.ts';
import { addBridge, addServiceNetns, guestNetns } from './topology/bridge.ts';
import { openHypervisor } from './topology/hypervisor.ts';
import { ECHO_PORT, HTTP_BODY, HTTP_PORT } from './topology/ports.ts';
import type { Upstream } from './topology/upstream.ts';

const READY_TIMEOUT_MS = 10_000;

export interface SubjectSetup extends PeerSetup {
  readonly scratch: string;
  readonly upstream: Upstream;
}

/**
 * Gives the peer a hypervisor with bridge, guest and service netns, starts it, and proves from the guest that it serves
 * the right content. Rejects with the peer's name and its log otherwise.
 */
export async function openSubject(peer: Peer, index: number, setup: SubjectSetup): Promise<Subject> {
  const hypervisor = await openHypervisor(peer.key, index, setup.scratch);
  await addBridge(hypervisor, BRIDGE);
  await addServiceNetns(hypervisor, BRIDGE);
  const target = peer.proxies ? SERVICE_ADDRESS : hypervisor.upstream;
  const asGuest = hypervisor.asClient(guestNetns(BRIDGE));

  const start = async () => {
    try {
      await peer.start(hypervisor, setup);
      const client = [process.execPath, join(setup.js, 'check.mjs'), target, HTTP_PORT, ECHO_PORT].map(
        String,
      );
      await eventually(READY_TIMEOUT_MS, async () => {
        const { status, stderr } = await attempt([...asGuest, ...client, HTTP_BODY, setup.upstream.blobFile]);
        if (status !== 0)
          throw new Error(`the guest does not get what the upstream serves: ${stderr.trim()}`);
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${peer.label}: ${why}\n  ${hypervisor.logs()}`);
    }
  };
  await start();
  return {
    peer,
    hypervisor,
    target,
    asGuest,
    restart: async () => {
      if (!peer.proxies) return;
      await peer.stop?.(hypervisor);
      await hypervisor.reset();
      await start();
    },
  };
}
