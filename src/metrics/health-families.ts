import type { Health } from '../model/stats.ts';
import { type Family, family, gauge } from './family.ts';

/** How the forwarder itself does. */
export function healthFamilies(health: Health): Family[] {
  const { reload, descriptors } = health;
  return [
    family('tproxy_build_info', 'gauge', 'Version of the running forwarder.', [
      { labels: { version: health.version }, value: 1 },
    ]),
    gauge(
      'tproxy_start_time_seconds',
      'When the forwarder was started, in seconds since 1970.',
      health.startedAt,
    ),
    gauge(
      'tproxy_forwarder_revived',
      'Whether the forwarder was started again after another one had died.',
      health.revived ? 1 : 0,
    ),
    gauge('tproxy_resident_memory_bytes', 'Resident memory of the forwarder.', health.memory),
    gauge('tproxy_descriptors_open', 'Descriptors that the forwarder has open.', descriptors.open),
    gauge('tproxy_descriptors_limit', 'Descriptors that the forwarder may have open.', descriptors.limit),
    gauge(
      'tproxy_event_loop_lag_seconds',
      'The longest that the main thread was late within the last minute.',
      health.lagMs / 1000,
    ),
    gauge(
      'tproxy_dataplane_answer_seconds',
      'What the data-plane thread took to answer for these metrics.',
      health.answerMs / 1000,
    ),
    ...(reload === undefined
      ? []
      : [
          gauge(
            'tproxy_last_reload_success',
            'Whether the last start or reload did all it should.',
            reload.ok ? 1 : 0,
          ),
          gauge('tproxy_last_reload_timestamp_seconds', 'When that was, in seconds since 1970.', reload.at),
        ]),
  ];
}
