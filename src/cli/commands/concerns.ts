import type { Owner } from '../../driver/attachments/attachment.ts';
import type { Reporter } from '../../driver/deps.ts';
import { ExitCode, InputError } from '../../errors.ts';
import { isBridgeName } from '../../model/names.ts';
import type { Nic } from '../../model/nic.ts';
import type { NetworkRef } from '../../model/service.ts';
import { MAX_TEMPLATE_CHARACTERS } from '../../vm/decode.ts';
import { parseTemplate } from '../../vm/parse-template.ts';
import { selectNics } from '../../vm/select.ts';
import type { Io } from '../io.ts';

/** What `up` and `down` act on. */
export interface DriverOptions {
  readonly configFile: string;
  /** Instead of a template on standard input. */
  readonly byHand?: { readonly bridge: string; readonly network?: string; readonly networkId?: string };
}

/** One bridge that `up` or `down` is about, and for whom. */
export interface Concern {
  /** For messages: `NIC 0`, or the bridge by hand. */
  readonly label: string;
  readonly owner: Owner;
  readonly bridge: string;
  readonly network: NetworkRef;
  readonly uplinks: readonly string[];
  readonly lastGuest?: boolean;
}

export interface Concerns {
  readonly list: readonly Concern[];
  /** Why NICs can't be handled, because of their template; they have been reported. */
  readonly reasons: readonly string[];
}

export async function readConcerns(options: DriverOptions, io: Io, report: Reporter): Promise<Concerns> {
  if (options.byHand !== undefined) return { list: [concernByHand(options.byHand)], reasons: [] };
  const template = parseTemplate(await io.readStdin(MAX_TEMPLATE_CHARACTERS));
  const { nics, skipped } = selectNics(template);
  for (const { nicId, level, reason } of skipped) report[level](`NIC ${nicId} passed over: ${reason}`);
  const reasons = skipped.flatMap(({ nicId, level, reason }) =>
    level === 'error' ? [`NIC ${nicId} passed over: ${reason}`] : [],
  );
  return { list: nics.map(concernOf), reasons };
}

function concernByHand(byHand: NonNullable<DriverOptions['byHand']>): Concern {
  const { bridge, network, networkId } = byHand;
  if (!isBridgeName(bridge)) {
    throw new InputError(`--bridge ${JSON.stringify(bridge)}: not a valid bridge name`, {
      remedy: 'write the name of a bridge (ip link show type bridge)',
      exitCode: ExitCode.usage,
    });
  }
  return {
    label: `bridge ${bridge}`,
    owner: { is: 'hand' },
    bridge,
    network: networkRef(network, networkId),
    uplinks: [],
  };
}

function concernOf(nic: Nic): Concern {
  const { vmId, nicId, bridge, phydev, vlanDevice, lastGuest } = nic;
  return {
    label: `NIC ${nicId} on ${bridge}`,
    owner: { is: 'vm', vmId, nicId, tap: nic.target ?? `one-${vmId}-${nicId}` },
    bridge,
    network: networkRef(nic.network, nic.networkId),
    uplinks: [phydev, vlanDevice].filter((name) => name !== undefined),
    ...(lastGuest === undefined ? {} : { lastGuest }),
  };
}

function networkRef(name: string | undefined, id: string | undefined): NetworkRef {
  return { ...(name === undefined ? {} : { name }), ...(id === undefined ? {} : { id }) };
}
