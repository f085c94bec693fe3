import { isBridgeName } from '../../model/names.ts';
import type { NetworkRef } from '../../model/service.ts';
import type { Moment } from '../../system/host.ts';
import {
  asArray,
  asInteger,
  asObject,
  asString,
  excerpt,
  parseJson,
  UnreadableAnswerError,
} from '../../system/json.ts';
import type { Attachment, Owner } from './attachment.ts';

export function attachmentText(attachment: Attachment, time: Date): string {
  // The time is for people; the program goes by the uptime, which no clock jump moves.
  return `${JSON.stringify({ ...attachment, time: time.toISOString() }, null, 2)}\n`;
}

/** Throws when the text is not a record in every part. */
export function parseAttachment(text: string, file: string): Attachment {
  const record = asObject(parseJson(text, file), file, 'the record');
  const bridge = asString(record.bridge, file, '"bridge"');
  if (!isBridgeName(bridge)) throw new UnreadableAnswerError(file, `"bridge" is ${excerpt(bridge)}`);
  return {
    owner: parseOwner(record.owner, file),
    bridge,
    network: parseNetwork(record.network, file),
    since: parseMoment(record.since, file, '"since"'),
    seen: parseMoment(record.seen, file, '"seen"'),
    servicePorts: asArray(record.servicePorts, file, '"servicePorts"').map((port) =>
      asInteger(port, file, 'a service port'),
    ),
  };
}

function parseOwner(value: unknown, file: string): Owner {
  const owner = asObject(value, file, '"owner"');
  if (owner.is === 'hand') return { is: 'hand' };
  if (owner.is !== 'vm') throw new UnreadableAnswerError(file, `"owner" is ${excerpt(owner)}`);
  return {
    is: 'vm',
    vmId: asString(owner.vmId, file, '"vmId"'),
    nicId: asString(owner.nicId, file, '"nicId"'),
    tap: asString(owner.tap, file, '"tap"'),
  };
}

function parseNetwork(value: unknown, file: string): NetworkRef {
  const { name, id } = asObject(value, file, '"network"');
  return {
    ...(name === undefined ? {} : { name: asString(name, file, 'the name of the network') }),
    ...(id === undefined ? {} : { id: asString(id, file, 'the id of the network') }),
  };
}

function parseMoment(value: unknown, file: string, what: string): Moment {
  const { bootId, uptimeS } = asObject(value, file, what);
  if (typeof uptimeS !== 'number') throw new UnreadableAnswerError(file, `${what} has no uptime`);
  return { bootId: asString(bootId, file, `the boot id of ${what}`), uptimeS };
}
