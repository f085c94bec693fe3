import type { Policing } from '../../src/model/limits.ts';
import { writePolice } from '../topology/nft.ts';
import { BRIDGE, type Peer } from './peer.ts';

/** The peer, on a bridge whose ports may send no more than this. */
export function policed(peer: Peer, policing: Policing): Peer {
  return {
    ...peer,
    key: `${peer.key}-policed`,
    label: `${peer.label}, ports limited`,
    start: async (hypervisor, setup) => {
      await peer.start(hypervisor, setup);
      await writePolice(hypervisor, BRIDGE, policing);
    },
  };
}
