import { z } from 'zod';
import { SERVICE_STATES, STATUS_SCHEMA } from './report.ts';

const count = z.int().min(0);
const counts = z.record(z.string(), count);

const service = z.strictObject({
  servicePort: z.int().min(0).max(65_535).describe('what guests dial at 169.254.16.9'),
  upstream: z.string().nullable().describe('address:port as nft has it'),
  state: z.enum(SERVICE_STATES),
  reason: z.string().nullable().describe('why it is closed'),
  connections: z.strictObject({
    now: count.describe('living'),
    total: count.describe('all since `since`, the living ones included'),
  }),
  bytes: z.strictObject({ toUpstream: count, toGuest: count }),
  errors: z
    .strictObject({ total: count, byCause: counts })
    .describe('connections that never came about, by outcome'),
  outcomes: counts.describe('finished connections by how they ended'),
});

const bridge = z.strictObject({
  bridge: z.string(),
  networks: z
    .array(z.strictObject({ id: z.string().nullable(), name: z.string().nullable() }))
    .describe('virtual networks that are recorded; stock drivers record none'),
  listenerPid: z.int().nullable(),
  recoveries: count.describe('how often its listener died and was brought back'),
  refused: counts.describe('connections over a limit, by limit'),
  services: z.array(service),
});

/** The form of `tproxy status --json`. For tests and docs/status.schema.json: the program itself never loads it. */
export const statusSchema = z
  .strictObject({
    schema: z.literal(STATUS_SCHEMA),
    version: z.string().describe('of the command that printed it'),
    running: z.boolean().describe('a forwarder runs'),
    since: z
      .string()
      .nullable()
      .describe('start of the forwarder, from which everything is counted (ISO 8601)'),
    processes: z.array(
      z.strictObject({
        pid: z.int(),
        role: z.enum(['watch', 'forwarder', 'draining', 'listener']),
        bridge: z.string().nullable().describe('of a listener'),
        astray: z.boolean().describe('a listener whose netns is gone or another one now'),
      }),
    ),
    bridges: z.array(bridge),
    problems: z.array(z.string()).describe('what could not be found out, and why'),
  })
  .describe('tproxy status --json');

/** What docs/status.schema.json holds. */
export function statusJsonSchema(): unknown {
  return z.toJSONSchema(statusSchema);
}
