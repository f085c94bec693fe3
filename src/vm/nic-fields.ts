import type { Nic } from '../model/nic.ts';
import { text, type XmlElement } from '../xml.ts';

/** What the kernel takes as the name of a device; a leading dash would be an option to `ip`. */
const DEVICE_NAME = /^(?!-)[^\s/]{1,15}$/;
const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;
const VLAN_ID = /^\d+$/;
/** Drivers that put a device of their own between the physical one and the bridge. */
const VLAN_DRIVERS = ['802.1Q', 'vxlan'];

type OptionalFields = Omit<Nic, 'vmId' | 'nicId' | 'bridge'>;

/** The optional fields of a NIC; what is empty or can't be true is left out. */
export function optionalFields(nic: XmlElement): OptionalFields {
  const network = text(nic, 'NETWORK');
  const networkId = text(nic, 'NETWORK_ID');
  const vnMad = text(nic, 'VN_MAD');
  const mac = matching(MAC, text(nic, 'MAC'))?.toLowerCase();
  const phydev = matching(DEVICE_NAME, text(nic, 'PHYDEV'));
  const vlanDevice = vlanDeviceOf(vnMad, phydev, matching(VLAN_ID, text(nic, 'VLAN_ID')));
  const target = matching(DEVICE_NAME, text(nic, 'TARGET'));
  return {
    ...(network === undefined ? {} : { network }),
    ...(networkId === undefined ? {} : { networkId }),
    ...(vnMad === undefined ? {} : { vnMad }),
    ...(mac === undefined ? {} : { mac }),
    ...(phydev === undefined ? {} : { phydev }),
    ...(vlanDevice === undefined ? {} : { vlanDevice }),
    ...(target === undefined ? {} : { target }),
    ...(text(nic, 'LAST_GUEST') === 'YES' ? { lastGuest: true } : {}),
  };
}

/**
 * `<phydev>.<vlan id>`: the stock drivers always name it so and look at no element of the template for it. A name that
 * gets too long belongs to no device.
 */
function vlanDeviceOf(vnMad = '', phydev?: string, vlanId?: string): string | undefined {
  if (phydev === undefined || vlanId === undefined || !VLAN_DRIVERS.includes(vnMad)) return undefined;
  return matching(DEVICE_NAME, `${phydev}.${vlanId}`);
}

function matching(pattern: RegExp, value: string | undefined): string | undefined {
  return value !== undefined && pattern.test(value) ? value : undefined;
}
