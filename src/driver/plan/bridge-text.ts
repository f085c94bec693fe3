import type { StepOfHand } from './steps.ts';

/** Lines of `bridge -batch` for a step. */
export function bridgeLines(step: StepOfHand<'bridge'>): string[] {
  switch (step.do) {
    case 'pin-mac':
      // `sticky`, because a bridge moves a static entry as well when it hears the MAC on another port. Without a VLAN the
      // kernel makes an entry for each VLAN of the port, and one for when the bridge does not filter.
      return [`fdb replace ${step.mac} dev ${step.port} master static sticky`];
    case 'set-port-vlan':
      return [
        `vlan add dev ${step.port} vid ${step.vlan} pvid untagged`,
        ...step.leave.map((vlan) => `vlan delete dev ${step.port} vid ${vlan}`),
      ];
  }
}
