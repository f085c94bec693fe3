import { parseListenAddress } from '../../model/listen-address.ts';
import { describe, fault, type Judge } from '../reader/judge.ts';

/** `tproxy_metrics_listen`. Whether the address can be had is for the hypervisor to say. */
export const metricsListen: Judge<string> = (written) => {
  if (typeof written === 'string' && parseListenAddress(written) !== undefined) return { value: written };
  const wrong =
    typeof written === 'string' ? `${describe(written)}, which is no address and port` : describe(written);
  return fault(wrong, 'write 127.0.0.1:9516, [::1]:9516 or unix:/run/one_tproxy/metrics.sock');
};
