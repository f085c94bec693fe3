/** One NIC of a VM template; `fields` adds or replaces any other element. */
export interface TemplateNic {
  readonly bridge: string;
  readonly network?: string;
  readonly networkId?: number;
  readonly nicId?: number;
  readonly vnMad?: string;
  readonly phydev?: string;
  readonly ip?: string;
  readonly fields?: Readonly<Record<string, string>>;
}

export interface Template {
  readonly vmId: number;
  readonly nics: readonly TemplateNic[];
}

function element(name: string, value: string): string {
  return `<${name}><![CDATA[${value}]]></${name}>`;
}

function nicXml(vmId: number, nic: TemplateNic, index: number): string {
  const { nicId = index, network = 'private', networkId = 0, ip = '192.168.150.100' } = nic;
  const fields: Record<string, string> = {
    AR_ID: '0',
    BRIDGE: nic.bridge,
    BRIDGE_TYPE: 'linux',
    CLUSTER_ID: '0',
    IP: ip,
    MAC: `02:00:${ip
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join(':')}`,
    MODEL: 'virtio',
    NAME: `NIC${nicId}`,
    NETWORK: network,
    NETWORK_ID: String(networkId),
    NETWORK_UNAME: 'oneadmin',
    NIC_ID: String(nicId),
    ...(nic.phydev === undefined ? {} : { PHYDEV: nic.phydev }),
    SECURITY_GROUPS: '0',
    TARGET: `one-${vmId}-${nicId}`,
    VN_MAD: nic.vnMad ?? 'bridge',
    ...nic.fields,
  };
  return `<NIC>${Object.entries(fields)
    .map(([name, value]) => element(name, value))
    .join('')}</NIC>`;
}

/** The VM document that OpenNebula gives its network drivers. */
export function templateXml({ vmId, nics }: Template): string {
  return [
    `<VM><ID>${vmId}</ID><UID>0</UID><GID>0</GID><UNAME>oneadmin</UNAME><GNAME>oneadmin</GNAME>`,
    `<NAME>guest-${vmId}</NAME>`,
    '<PERMISSIONS><OWNER_U>1</OWNER_U><OWNER_M>1</OWNER_M><OWNER_A>0</OWNER_A></PERMISSIONS>',
    '<LAST_POLL>0</LAST_POLL><STATE>3</STATE><LCM_STATE>1</LCM_STATE><PREV_STATE>3</PREV_STATE>',
    '<RESCHED>0</RESCHED><STIME>1732226400</STIME><ETIME>0</ETIME>',
    `<DEPLOY_ID>one-${vmId}</DEPLOY_ID><MONITORING/>`,
    '<TEMPLATE><AUTOMATIC_REQUIREMENTS><![CDATA[(CLUSTER_ID = 0)]]></AUTOMATIC_REQUIREMENTS>',
    '<CONTEXT><DISK_ID><![CDATA[1]]></DISK_ID><NETWORK><![CDATA[YES]]></NETWORK>',
    '<ONEGATE_ENDPOINT><![CDATA[http://169.254.16.9:5030]]></ONEGATE_ENDPOINT>',
    '<TARGET><![CDATA[hda]]></TARGET></CONTEXT>',
    '<CPU><![CDATA[1]]></CPU><MEMORY><![CDATA[512]]></MEMORY>',
    ...nics.map((nic, index) => nicXml(vmId, nic, index)),
    `<OS><UUID><![CDATA[c3a5f4e6-0000-4000-8000-${String(vmId).padStart(12, '0')}]]></UUID></OS>`,
    `<TM_MAD_SYSTEM><![CDATA[ssh]]></TM_MAD_SYSTEM><VMID><![CDATA[${vmId}]]></VMID></TEMPLATE>`,
    '<USER_TEMPLATE><LOGO><![CDATA[images/logos/linux.png]]></LOGO></USER_TEMPLATE>',
    '<HISTORY_RECORDS><HISTORY>',
    `<OID>${vmId}</OID><SEQ>0</SEQ><HOSTNAME>hypervisor</HOSTNAME><HID>0</HID><CID>0</CID>`,
    '<VM_MAD><![CDATA[kvm]]></VM_MAD><TM_MAD><![CDATA[ssh]]></TM_MAD><DS_ID>0</DS_ID>',
    '</HISTORY></HISTORY_RECORDS></VM>',
  ].join('');
}

/** As a hook gets it on standard input. */
export function templateFor(template: Template): string {
  return `${Buffer.from(templateXml(template)).toString('base64')}\n`;
}
