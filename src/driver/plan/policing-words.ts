import type { Policing } from '../../model/limits.ts';

/** `300 new connections/s and 400 Mbit/s`; there is at least one limit. */
export function policingWords({ portRate, portBandwidth }: Policing): string {
  return [
    ...(portRate > 0 ? [`${portRate} new connections/s`] : []),
    ...(portBandwidth > 0 ? [`${portBandwidth} Mbit/s`] : []),
  ].join(' and ');
}
