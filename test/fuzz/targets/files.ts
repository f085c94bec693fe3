import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { parseConfig } from '../../../src/config/parse.ts';
import { attachmentKey } from '../../../src/driver/attachments/attachment.ts';
import { parseAttachment } from '../../../src/driver/attachments/attachment-json.ts';
import { formatOptions, parseOptions, sameOptions } from '../../../src/model/endpoint-options.ts';
import { isBridgeName } from '../../../src/model/names.ts';
import { parseTemplate } from '../../../src/vm/parse-template.ts';
import { encode, fixture } from '../../unit/vm/encode.ts';
import { answerOf, demand, isPort } from '../demand.ts';
import type { Target } from '../target.ts';

const here = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

export const template: Target = {
  name: 'template',
  samples: [
    '<VM><ID>1</ID><TEMPLATE><NIC><NIC_ID>0</NIC_ID><BRIDGE><![CDATA[br0]]></BRIDGE><NETWORK>a</NETWORK></NIC></TEMPLATE></VM>',
    fixture('6.10-odd.xml').slice(0, 4000),
    fixture('6.10-odd.xml'),
  ],
  words: [
    '<NIC>',
    '</NIC>',
    '<BRIDGE>',
    '<NIC_ID>',
    '<TEMPLATE>',
    '<!DOCTYPE x [',
    '<!ENTITY a "b">',
    '&a;',
    '<?xml?>',
    '&#x1b;',
    '<PCI>',
  ],
  judge(input) {
    const vm = answerOf(() => parseTemplate(encode(input)));
    if (vm !== undefined) demand(/^\d{1,10}$/.test(vm.vmId), 'VM id');
    for (const nic of vm?.nics ?? []) {
      demand(isBridgeName(nic.bridge) && /^\d{1,10}$/.test(nic.nicId), 'bridge and id');
      for (const device of [nic.phydev, nic.target, nic.vlanDevice]) {
        demand(device === undefined || /^(?!-)[^\s/]{1,15}$/.test(device), `device ${device}`);
      }
    }
    return vm !== undefined;
  },
};

export const configuration: Target = {
  name: 'configuration',
  samples: [
    here('etc/OpenNebulaNetwork.conf').replaceAll(/^#.*\n/gm, ''),
    ':tproxy:\n- {service_port: 1, remote_addr: a, remote_port: 1, limits: {guest_rate: 1}, proxy_protocol: v2}\n',
    ':tproxy_limits:\n  :guest_rate: 10\n:tproxy:\n- &a {service_port: 1, remote_addr: 10.0.0.1, remote_port: 1}\n- <<: *a\n  networks: [a, 7]\n',
  ],
  words: [
    'tproxy',
    ':service_port:',
    ':limits:',
    ':guest_rate:',
    '&a ',
    '*a',
    '<<: ',
    '- ',
    '!!binary ',
    '| ',
    '? ',
    ':proxy_protocol: v1',
  ],
  judge(input) {
    const { config, problems, readable } = parseConfig(input);
    for (const { message, remedy, line } of problems) {
      demand(
        line > 0 &&
          remedy !== '' &&
          !/[\0-\x1f\x7f-\x9f\u202e]/.test(message + remedy) &&
          message.length < 500,
        `problem ${JSON.stringify(message)}`,
      );
    }
    for (const { servicePort, remoteAddr, remotePort, options = {} } of config.services) {
      demand(isPort(servicePort) && isPort(remotePort) && servicePort * remotePort > 0, 'ports');
      demand(isIPv4(remoteAddr) || /^[a-z0-9_][a-z0-9_.-]*$/i.test(remoteAddr), `address ${remoteAddr}`);
      demand(
        JSON.stringify(parseOptions(formatOptions(options))) ===
          JSON.stringify(parseOptions(formatOptions(parseOptions(formatOptions(options))))),
        'options',
      );
      demand(
        sameOptions(formatOptions(options), formatOptions(parseOptions(formatOptions(options)))),
        'options come back',
      );
    }
    return readable && problems.length === 0;
  },
};

export const attachment: Target = {
  name: 'attachment',
  samples: [
    '{"owner":{"is":"vm","vmId":"7","nicId":"0","tap":"one-7-0"},"bridge":"br0","network":{"name":"a","id":"0"},"since":{"bootId":"b","uptimeS":1},"seen":{"bootId":"b","uptimeS":2},"servicePorts":[80,5030]}',
    '{"owner":{"is":"hand"},"bridge":"br0","network":{},"since":{"bootId":"b","uptimeS":1},"seen":{"bootId":"b","uptimeS":2},"servicePorts":[]}',
  ],
  words: ['"owner"', '"vm"', '"hand"', '"bridge"', '"servicePorts"', '"since"', '"uptimeS"', '"..%2f"'],
  judge(input) {
    const record = answerOf(() => parseAttachment(input, 'record'));
    if (record === undefined) return false;
    demand(isBridgeName(record.bridge), `bridge ${record.bridge}`);
    demand(!attachmentKey(record).includes('/'), `file name ${attachmentKey(record)}`);
    return true;
  },
};

export const comment: Target = {
  name: 'comment',
  samples: ['proxy=v2 guest-connections=50 guest-rate=10', 'somebody wrote this', 'guest-rate=0'],
  words: ['proxy=', 'v2', 'guest-rate=', 'guest-connections=', '1000000', '1000001'],
  judge(input) {
    const options = parseOptions(input);
    const text = formatOptions(options);
    demand(text === undefined || /^[a-z0-9= -]{1,60}$/.test(text), `comment ${text}`);
    demand(sameOptions(input, text), 'what was read is what is written');
    return text !== undefined;
  },
};
