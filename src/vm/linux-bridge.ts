import { isBridgeName } from '../model/names.ts';
import type { SkippedNic } from './template.ts';

/** Drivers whose NICs have no Linux bridge to plumb, whatever BRIDGE_TYPE says (or does not say, before 5.8). */
const OTHER_DRIVERS = ['ovswitch', 'ovswitch_vxlan', 'vcenter'];

type Why = Pick<SkippedNic, 'level' | 'reason'>;

/** Why a NIC gets no plumbing, or undefined when `bridge` is the name of a Linux bridge. */
export function whyNoLinuxBridge(nic: {
  readonly bridge: string;
  readonly bridgeType: string;
  readonly vnMad: string;
}): Why | undefined {
  const { bridge, bridgeType, vnMad } = nic;
  if (OTHER_DRIVERS.includes(vnMad))
    return { level: 'info', reason: `the driver ${vnMad} has no Linux bridge` };
  if (bridgeType !== '' && bridgeType.toLowerCase() !== 'linux') {
    return { level: 'info', reason: `bridge type ${bridgeType} is not linux` };
  }
  if (bridge === '') return { level: 'info', reason: 'it has no BRIDGE' };
  if (isBridgeName(bridge)) return undefined;
  const reason = `BRIDGE ${JSON.stringify(bridge.slice(0, 40))} is not a valid bridge name; correct the virtual network`;
  return { level: 'error', reason };
}
