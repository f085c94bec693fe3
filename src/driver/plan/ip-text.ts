import { SERVICE_ADDRESS } from '../../model/names.ts';
import type { StepOfHand } from './steps.ts';

/** The line of `ip -batch` for a step. Names were checked to be interface names, so nothing needs quoting. */
export function ipLine(step: StepOfHand<'ip' | 'ip-in-netns'>): string {
  switch (step.do) {
    case 'create-netns':
      return `netns add ${step.netns}`;
    case 'delete-netns':
      return `netns delete ${step.netns}`;
    case 'create-veth':
      // Made with its peer in place: there is no moment in which guests' frames could reach the root namespace.
      return `link add name ${step.port} mtu ${step.mtu} address ${step.portMac} type veth peer name ${step.device} mtu ${step.mtu} address ${step.mac} netns ${step.netns}`;
    case 'delete-veth':
      return `link delete dev ${step.port}`;
    case 'set-port-master':
      return `link set dev ${step.port} master ${step.bridge}`;
    case 'set-port-mtu':
      return `link set dev ${step.port} mtu ${step.mtu}`;
    case 'set-port-mac':
      return `link set dev ${step.port} address ${step.mac}`;
    case 'set-port-up':
      return `link set dev ${step.port} up`;
    case 'delete-device':
      return `link delete dev ${step.device}`;
    case 'set-lo-up':
      return 'link set dev lo up';
    case 'set-device-mtu':
      return `link set dev ${step.device} mtu ${step.mtu}`;
    case 'set-device-up':
      return `link set dev ${step.device} up`;
    case 'add-address':
      return `address replace ${SERVICE_ADDRESS}/32 dev ${step.device}`;
    case 'add-route':
      return `route replace default dev ${step.device} scope link`;
  }
}
