import type { Nic } from '../model/nic.ts';
import { elements, parseXml, text, type XmlElement } from '../xml.ts';
import { decodeTemplate, EXPECTED, noTemplate } from './decode.ts';
import { whyNoLinuxBridge } from './linux-bridge.ts';
import { optionalFields } from './nic-fields.ts';
import type { SkippedNic, VmTemplate } from './template.ts';

const ID = /^\d{1,10}$/;

/**
 * The NICs of a VM from what OpenNebula writes to its VNM hooks: base64 of the VM's XML. Of an element that is there
 * several times, the first counts. Throws `InputError`.
 */
export function parseTemplate(stdinText: string): VmTemplate {
  const vm = parseXml(decodeTemplate(stdinText), 'VM', { name: 'template', remedy: EXPECTED });
  const vmId = text(vm, 'ID');
  // Becomes part of file names.
  if (vmId === undefined || !ID.test(vmId)) throw noTemplate('template has no numeric VM/ID');
  const [template] = elements(vm, 'TEMPLATE');
  if (template === undefined) throw noTemplate('template has no VM/TEMPLATE with elements in it');

  const seen = elements(template, 'NIC').map((nic) => readNic(nic, vmId));
  const pcis = elements(template, 'PCI').filter((pci) => text(pci, 'TYPE')?.toUpperCase() === 'NIC');
  const vmName = text(vm, 'NAME');
  const attached = [...elements(template, 'NIC'), ...pcis].find(isAttached);
  const attachNicId = attached === undefined ? undefined : nicIdOf(attached);
  return {
    vmId,
    ...(vmName === undefined ? {} : { vmName }),
    nics: seen.flatMap((one) => ('nic' in one ? [one.nic] : [])),
    skipped: [...seen.flatMap((one) => ('skipped' in one ? [one.skipped] : [])), ...pcis.map(skippedPci)],
    aliasAttach: elements(template, 'NIC_ALIAS').some(isAttached),
    ...(attachNicId === undefined ? {} : { attachNicId }),
  };
}

function readNic(nic: XmlElement, vmId: string): { readonly nic: Nic } | { readonly skipped: SkippedNic } {
  const nicId = nicIdOf(nic);
  const fields = optionalFields(nic);
  const { vnMad = '' } = fields;
  const bridge = text(nic, 'BRIDGE') ?? '';
  const why = ID.test(nicId)
    ? whyNoLinuxBridge({ bridge, bridgeType: text(nic, 'BRIDGE_TYPE') ?? '', vnMad })
    : { level: 'error' as const, reason: 'it has no numeric NIC_ID' };
  if (why === undefined) return { nic: { vmId, nicId, bridge, ...fields } };
  return { skipped: { nicId, ...(vnMad === '' ? {} : { vnMad }), ...why } };
}

/** Passed through to the guest: no host side device, so no port on any bridge. */
function skippedPci(pci: XmlElement): SkippedNic {
  const vnMad = text(pci, 'VN_MAD');
  const reason = 'PCI passthrough, it has no port on a bridge';
  return { nicId: nicIdOf(pci), ...(vnMad === undefined ? {} : { vnMad }), level: 'info', reason };
}

function nicIdOf(nic: XmlElement): string {
  return text(nic, 'NIC_ID') ?? '?';
}

function isAttached(nic: XmlElement): boolean {
  return text(nic, 'ATTACH')?.toUpperCase() === 'YES';
}
