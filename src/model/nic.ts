/** One NIC of a VM template, as far as this program cares. All values are text as the template has them. */
export interface Nic {
  readonly vmId: string;
  readonly nicId: string;
  readonly bridge: string;
  /** Name of the virtual network. */
  readonly network?: string;
  readonly networkId?: string;
  readonly vnMad?: string;
  readonly mac?: string;
  /** Physical device that is a port of the bridge. */
  readonly phydev?: string;
  /** VLAN or VXLAN device that is a port of the bridge. */
  readonly vlanDevice?: string;
  /** Host side device of the guest, such as `one-7-0`. */
  readonly target?: string;
  /** Whoever takes it down knows that nobody else is on the bridge (remotes/vnm/tproxy.rb). */
  readonly lastGuest?: boolean;
}
